"""An application on a real database, with keys of two tenants and a job that succeeded."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.main import create_app
from jobs import db, endings, keys, lifecycle, processes, schema, submission
from jobs.endings import StoredArtifact
from jobs.keys import Scope
from jobs.recording import Entry, Report
from jobs.records import MetricPoint
from jobs.settings import Settings
from jobs.states import EventType
from jobs.storage import Storage, attempt_key
from jobs.tables import metadata
from netaug_core.datasets import file_digest
from netaug_core.spec import JobSpec
from tests.conftest import TEMPLATE
from tests.servers import Postgres, free_port

SPEC: dict[str, Any] = {
    "name": "digits",
    "tags": ["nightly"],
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 28, "stem_stride": 1},
    "data": {"dataset": "digits", "batch_size": 64},
    "training": {"epochs": 2, "warmup_epochs": 1, "learning_rate": 0.1},
}
MODEL = bytes(range(256)) * 4
LEASE_S = 60.0
START_S = 30.0


@dataclass
class Platform:
    """What a worker and an administrator do to the database, without their processes."""

    engine: sa.Engine
    settings: Settings
    secrets: dict[str, str] = field(default_factory=dict)

    def key(self, tenant: str, scope: Scope) -> str:
        """The secret of a tenant's key, made when first asked for."""
        name = f"{tenant}-{scope}"
        if name not in self.secrets:
            with db.writing(self.engine) as connection:
                new = keys.create(connection, tenant=tenant, name=name, scopes=frozenset({scope}))
            self.secrets[name] = new.secret
        return self.secrets[name]

    def bearer(self, tenant: str = "ours", scope: Scope = Scope.ADMIN) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key(tenant, scope)}"}

    def submit(self, tenant: str = "ours", **changes: Any) -> str:
        spec = JobSpec.model_validate({**SPEC, **changes})
        with db.writing(self.engine) as connection:
            return submission.submit(connection, spec, (), tenant=tenant).job.id

    def appear(self, name: str, **facts: Any) -> None:
        """A worker reports itself."""
        shown = {"host": "here", "gpus": 0, "devices": [], "slots": 1, "free": 1, "busy": False}
        with db.writing(self.engine) as connection:
            processes.report(
                connection, processes.WORKER, name, {**shown, "draining": False, **facts}
            )

    def start(self) -> tuple[str, int]:
        with db.writing(self.engine) as connection:
            claim = lifecycle.claim(connection, worker="w1", gpus=0, lease_seconds=LEASE_S)
        assert claim is not None
        return claim.job.id, claim.job.attempt

    def log(self, job_id: str, attempt: int, batch: int, *texts: str) -> None:
        entries = tuple(Entry(EventType.LOG, {"text": text}) for text in texts)
        self.report(job_id, attempt, Report(batch=batch, entries=entries))

    def measure(self, job_id: str, attempt: int, batch: int, points: list[MetricPoint]) -> None:
        self.report(job_id, attempt, Report(batch=batch, metrics=tuple(points)))

    def report(self, job_id: str, attempt: int, news: Report) -> None:
        with db.writing(self.engine) as connection:
            lifecycle.report(connection, job_id, attempt, news, lease_seconds=LEASE_S)

    def succeed(self, job_id: str, attempt: int) -> StoredArtifact:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "model.onnx"
            path.write_bytes(MODEL)
            key = attempt_key(job_id, attempt, "artifacts", path.name)
            Storage.open(self.settings).put(key, path)
            stored = StoredArtifact(
                name=path.name,
                kind="model",
                media_type="application/octet-stream",
                description="the network",
                storage_key=key,
                size_bytes=len(MODEL),
                sha256=file_digest(path),
            )
        with db.writing(self.engine) as connection:
            endings.succeed(connection, job_id, attempt, result={"accuracy": 0.9}, stored=[stored])
        return stored

    def finished_job(self, tenant: str = "ours") -> str:
        submitted = self.submit(tenant)
        job_id, attempt = self.start()
        assert job_id == submitted
        self.succeed(job_id, attempt)
        return job_id


def make_settings(url: str, storage: Path | str, **changes: Any) -> Settings:
    return Settings(
        database_url=SecretStr(url),
        storage_url=f"file://{storage}/storage" if isinstance(storage, Path) else storage,
        **{"database_pool_size": 8, **changes},
    )


@pytest.fixture(scope="session")
def api_database(postgres: Postgres) -> Iterator[str]:
    """One migrated database for all tests of the API: one for each would take too long."""
    name = f"api_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=TEMPLATE)
    postgres.drop_database(name)


@pytest.fixture
def settings(api_database: str, tmp_path: Path) -> Settings:
    return make_settings(api_database, tmp_path)


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """An empty database, and what can be done to it."""
    engine = db.create_engine(settings.database_url.get_secret_value())
    yield Platform(engine, settings)
    with db.writing(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))
    engine.dispose()


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI, platform: Platform) -> Iterator[TestClient]:
    """A client with an administrator's key of the tenant `ours`."""
    with TestClient(app, raise_server_exceptions=False, headers=platform.bearer()) as client:
        yield client


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A Postgres server that this test alone may stop; its database `own` is migrated."""
    server = Postgres()
    server.start()
    engine = db.create_engine(server.create_database("own"))
    schema.upgrade(engine)
    engine.dispose()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def door(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """For tests that change nothing: one application for a whole file, as an administrator."""
    name = f"door_{uuid.uuid4().hex}"
    url = postgres.create_database(name, template=TEMPLATE)
    settings = make_settings(url, tmp_path_factory.mktemp("door"))
    engine = db.create_engine(url)
    headers = Platform(engine, settings).bearer()
    with TestClient(create_app(settings), headers=headers) as client:
        yield client
    engine.dispose()
    postgres.drop_database(name)


@pytest.fixture
def stranger(platform: Platform) -> dict[str, str]:
    return platform.bearer("theirs", Scope.ADMIN)


@dataclass
class Server:
    """`python -m api` as a process of its own."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., Server]]:
    """Starts server processes; they end with the test."""
    servers: list[Server] = []

    def start(*flags: str, configured: Settings = settings) -> Server:
        servers.append(spawn(configured, *flags))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def spawn(settings: Settings, *flags: str) -> Server:
    """A server process that answers."""
    environment = os.environ | {
        "NETAUG_DATABASE_URL": settings.database_url.get_secret_value(),
        "NETAUG_STORAGE_URL": settings.storage_url,
        "NETAUG_DATABASE_POOL_SIZE": "8",
        "NETAUG_LOG_LEVEL": "WARNING",
    }
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "--port", str(port), *flags], env=environment, text=True
    )
    server = Server(process, port)
    _await_answer(server)
    return server


def _await_answer(server: Server) -> None:
    deadline = time.monotonic() + START_S
    pause = threading.Event()
    while True:
        try:
            httpx2.get(f"{server.url}/healthz").raise_for_status()
        except httpx2.TransportError:
            assert server.process.poll() is None, "the server process has ended"
            assert time.monotonic() < deadline, "the server does not answer"
            pause.wait(0.05)
        else:
            return
