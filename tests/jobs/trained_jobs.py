"""Jobs that have succeeded and left a model, which other jobs can name."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobs import endings, lifecycle
from jobs.endings import StoredArtifact
from jobs.recording import Report, StartFacts
from jobs.records import Job
from netaug_core.spec import JobSpec
from netaug_core.weights import MODEL_FILE
from tests.builders import LEASE_S, TENANT, claim, make_spec, submit

SHA256 = "ab" * 32


def trained_job(
    connection: sa.Connection,
    tenant: str = TENANT,
    *,
    spec: JobSpec | None = None,
    data_roots: tuple[Path, ...] = (),
    num_classes: int = 10,
) -> Job:
    """A job that has succeeded, on data that had so many classes."""
    job = submit(connection, spec or make_spec(), tenant, data_roots)
    assert claim(connection).job.id == job.id
    started = StartFacts(0, SHA256, {"dataset": {"num_classes": num_classes}})
    report = Report(batch=1, started=started)
    lifecycle.report(connection, job.id, 1, report, lease_seconds=LEASE_S)
    stored = StoredArtifact(
        name=MODEL_FILE,
        kind="model",
        media_type="application/octet-stream",
        description="",
        storage_key=f"jobs/{job.id}/1/artifacts/{MODEL_FILE}",
        size_bytes=3,
        sha256=SHA256,
    )
    endings.succeed(connection, job.id, 1, result={}, stored=[stored])
    return job


def spec_of(task: str, dataset: str, **sections: Any) -> JobSpec:
    """A job of 96 pixels."""
    document = {
        "task": task,
        "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 96},
        "data": {"dataset": dataset},
        "training": {"epochs": 1},
    }
    return JobSpec.model_validate({**document, **sections})


def own_network(*strides: int) -> dict[str, Any]:
    """A `model` section with a stem of stride 2 and a block of each stride."""
    blocks = [{"type": "basic", "mid_channels": 8, "out_channels": 8, "stride": s} for s in strides]
    stem = {"out_channels": 8, "kernel": 3, "stride": 2}
    return {"name": "custom", "input_size": 96, "network": {"stem": stem, "blocks": blocks}}
