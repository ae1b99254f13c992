from typing import Any

from starlette.testclient import TestClient

from jobs import db, endings
from jobs.endings import StoredArtifact
from jobs.recording import Report, StartFacts
from tests.api.conftest import SPEC, Platform

DIGEST, MODEL = "ab" * 32, "cd" * 32
RAN_ON: dict[str, Any] = {"device": "cpu", "threads": 2, "torch_version": "2.9.0"}


def trained(platform: Platform, **changes: Any) -> str:
    """A job that has succeeded after a lost beginning elsewhere."""
    job_id = platform.submit(**changes)
    platform.start()
    environment = {**RAN_ON, "dataset": {"num_classes": 10}}
    platform.report(job_id, 1, Report(batch=1, started=StartFacts(0, DIGEST, environment)))
    stored = StoredArtifact("model.safetensors", "model", "x/y", "", "key", 3, MODEL)
    with db.writing(platform.engine) as connection:
        endings.succeed(connection, job_id, 1, result={}, stored=[stored])
    return job_id


def test_a_lock_is_what_decided_the_weights(client: TestClient, platform: Platform) -> None:
    job_id = trained(platform, training={"epochs": 2, "seed": 7})

    lock = client.get(f"/v1/jobs/{job_id}/lock").json()

    assert lock["spec"] == client.get(f"/v1/jobs/{job_id}").json()["spec"]
    assert (lock["seed"], lock["dataset"]) == (7, "digits")
    assert (lock["dataset_digest"], lock["model_sha256"]) == (DIGEST, MODEL)
    assert lock["environment"] == RAN_ON
    assert lock["inputs"] == []


def test_a_lock_names_the_models_that_a_job_starts_from(
    client: TestClient, platform: Platform
) -> None:
    source = trained(platform)
    job_id = platform.submit(pretrained={"weights": source})

    lock = client.get(f"/v1/jobs/{job_id}/lock").json()

    expected = {"field": "pretrained.weights", "job_id": source, "sha256": MODEL}
    assert lock["inputs"] == [expected]


def test_a_job_that_has_not_begun_has_no_environment(
    client: TestClient, platform: Platform
) -> None:
    lock = client.get(f"/v1/jobs/{platform.submit()}/lock").json()
    assert (lock["environment"], lock["model_sha256"]) == (None, None)
    assert lock["spec"]["model"]["width"] == SPEC["model"]["width"]
