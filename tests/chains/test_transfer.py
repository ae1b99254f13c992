"""Jobs built on one another: API, dispatcher and worker as processes, on Postgres and Redis."""

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
from netaug_core.weights import MODEL_FILE
from tests.api.conftest import make_settings, spawn
from tests.netaug_core import shapes
from tests.servers import Redis

ENDED_S = 400.0  # a training is of seconds, but it shares this machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * ENDED_S)]

TINY: dict[str, Any] = {
    "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 28},
    "augment": None,
    "training": {"epochs": 1, "learning_rate": 0.01},
}


@pytest.fixture
def client(
    postgres_url: str, redis_server: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """The whole platform, with two sets of pictures below its data root."""
    shapes.write_folder(tmp_path / "data" / "stripes")
    shapes.write_folder(tmp_path / "data" / "patterns", shapes.OTHER_CLASSES)
    settings = make_settings(postgres_url, tmp_path)
    for name, value in {
        "DATABASE_URL": postgres_url,
        "STORAGE_URL": settings.storage_url,
        "BROKER_URL": redis_server.url,
        "DATA_ROOTS": str(tmp_path / "data"),
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


def submit(client: Client, name: str, dataset: str, **sections: Any) -> Job:
    data = {"dataset": dataset, "validation_fraction": 0.2, "batch_size": 10}
    return client.jobs.submit({**TINY, "name": name, "data": data, **sections})


def succeeded(job: Job) -> Job:
    job.wait(ENDED_S)
    assert job.status == "succeeded", job.details.failure
    return job


def card(job: Job, directory: Path) -> dict[str, Any]:
    (path,) = job.download(directory / job.id, "model_card.json")
    return dict(json.loads(path.read_text()))


def test_jobs_start_from_a_model_and_learn_from_it_unless_their_classes_are_others(
    client: Client, tmp_path: Path
) -> None:
    first = succeeded(submit(client, "first", "stripes"))
    second = submit(client, "second", "patterns", pretrained={"weights": first.id, "head": "new"})
    student = submit(client, "student", "stripes", distillation={"teacher": first.id})
    untaught = submit(client, "untaught", "patterns", distillation={"teacher": first.id})
    cards = [card(succeeded(job), tmp_path) for job in (second, student)]
    untaught.wait(ENDED_S)

    (model,) = [file for file in first.artifacts() if file.name == MODEL_FILE]
    of_first = {"reference": first.id, "sha256": model.sha256}
    assert cards[0]["lineage"] == {"pretrained.weights": of_first}
    assert [row["class"] for row in cards[0]["scores"]["per_class"]] == [*shapes.OTHER_CLASSES]
    assert cards[1]["lineage"] == {"distillation.teacher": of_first}
    failure = untaught.details.failure
    assert failure is not None
    assert (untaught.status, failure.failure_class) == ("failed", "user_error")
    assert "class 0 is 'across' there and 'checked' here" in failure.message
    assert untaught.metrics() == []  # no step was made
