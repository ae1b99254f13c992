"""The whole platform: API, dispatcher and worker as processes, on Postgres and Redis."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs import db, keys
from jobs.keys import Scope
from netaug_client.client import Client
from netaug_client.jobs import Job
from tests.api.conftest import make_settings, spawn
from tests.servers import Redis

ENDED_S = 400.0  # a training is of seconds, but it shares this machine


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def client(
    postgres_url: str,
    redis_server: Redis,
    tmp_path: Path,
    data_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Client]:
    settings = make_settings(postgres_url, tmp_path)
    for name, value in {
        "DATABASE_URL": postgres_url,
        "STORAGE_URL": settings.storage_url,
        "BROKER_URL": redis_server.url,
        "DATA_ROOTS": str(data_root),
        "WORK_DIR": str(tmp_path / "work"),
        "TRAINER_THREADS": "1",
        "DISPATCH_SECONDS": "0.3",
    }.items():
        monkeypatch.setenv(f"NETAUG_{name}", value)
    api = spawn(settings)
    workers = [_start(module, tmp_path) for module in ("worker.dispatcher", "worker")]
    with Client(api.url, _key(postgres_url)) as client:
        yield client
    for process in workers:
        process.terminate()
        process.wait(60)
    api.stop()


def _start(module: str, directory: Path) -> "subprocess.Popen[bytes]":
    with (directory / f"{module}.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", module], stdout=log, stderr=log)


def _key(database_url: str) -> str:
    engine = db.create_engine(database_url)
    with db.writing(engine) as connection:
        key = keys.create(connection, tenant="ours", name="x", scopes=frozenset({Scope.SUBMIT}))
    engine.dispose()
    return key.secret


def succeeded(job: Job) -> Job:
    job.wait(ENDED_S)
    assert job.status == "succeeded", job.details.failure
    return job


def card(job: Job, directory: Path) -> dict[str, Any]:
    (path,) = job.download(directory / job.id, "model_card.json")
    return dict(json.loads(path.read_text()))
