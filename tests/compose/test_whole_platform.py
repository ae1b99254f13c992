"""The demo job through the real containers, with every service restarted in its middle."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from netaug_client.client import Client
from tests.compose.engine import ROOT, Installation, has_engine

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

RESTARTED = ("redis", "dispatcher", "api", "s3", "postgres", "worker-cpu")
EPOCHS = 40  # long enough for six restarts


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    if not has_engine():
        pytest.fail("no Docker engine answers: start one, or set DOCKER_HOST")
    made = Installation(tmp_path_factory.mktemp("compose") / "secrets")
    made.build()
    try:
        made.start()
        yield made
    finally:
        print(made.logs())  # noqa: T201  # pytest shows it when the test fails
        made.remove()


def test_a_job_survives_a_restart_of_every_service(
    installation: Installation, tmp_path: Path
) -> None:
    spec = yaml.safe_load((ROOT / "examples/digits.yaml").read_text())
    spec["training"]["epochs"] = EPOCHS
    key = installation.create_key()
    with Client(installation.url, key) as client:
        job = client.jobs.submit(spec)
        next(event for event in job.events() if event.type == "metric")
        for service in RESTARTED:
            assert not job.refresh().details.is_final, "the job was too short to be disturbed"
            installation.restart(service)
        assert job.wait().status == "succeeded"
        epochs = {point.epoch for point in job.metrics(epoch_end=True)}
        assert epochs == set(range(min(epochs), min(epochs) + EPOCHS))
        artifacts = job.artifacts()
        assert {"model.safetensors", "model.onnx"} <= {artifact.name for artifact in artifacts}
        job.download(tmp_path)
        assert {a.name: a.sha256 for a in artifacts} == {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()
        }
