"""Jobs in any state, made by the calls the platform itself makes: no row is written by hand."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobs import endings, lifecycle, queries, submission, wishes
from jobs.lifecycle import Claim, Ending
from jobs.records import Job
from jobs.states import AttemptOutcome, JobStatus
from jobs.tables import jobs
from netaug_core.errors import FailureClass
from netaug_core.spec import JobSpec

TENANT = "default"
LEASE_S = 60.0
LAPSED_S = -1.0  # a lease that has run out already when it is given
LOST = Ending(AttemptOutcome.LOST, FailureClass.INFRA_LOST, "the machine went away")
DIVERGED = Ending(AttemptOutcome.FAILED, FailureClass.DIVERGED, "the loss is not finite", 5)


def make_spec(name: str = "job", tags: tuple[str, ...] = (), **resources: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "name": name,
            "tags": tags,
            "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 28},
            "data": {"dataset": "digits", "batch_size": 256, "crop": "none"},
            "training": {"epochs": 1},
            "resources": resources,
        }
    )


def submit(
    connection: sa.Connection,
    spec: JobSpec | None = None,
    tenant: str = TENANT,
    data_roots: tuple[Path, ...] = (),
) -> Job:
    spec = spec or make_spec()
    return submission.submit(connection, spec, data_roots, tenant=tenant).job


def claim(connection: sa.Connection, lease_seconds: float = LEASE_S) -> Claim:
    claimed = lifecycle.claim(connection, worker="worker-1", gpus=0, lease_seconds=lease_seconds)
    assert claimed is not None, "no queued job could be claimed"
    return claimed


def make_job(
    connection: sa.Connection,
    status: JobStatus = JobStatus.QUEUED,
    *,
    tenant: str = TENANT,
    name: str = "job",
    tags: tuple[str, ...] = (),
    lease_seconds: float = LEASE_S,
    **resources: Any,
) -> Job:
    """A job in this state. One that has run must be the most urgent of the queue."""
    job = submit(connection, make_spec(name, tags, **resources), tenant)
    if status is not JobStatus.QUEUED:
        assert claim(connection, lease_seconds).job.id == job.id, "another job was more urgent"
        _end(connection, job.id, status)
    return queries.get_job(connection, tenant, job.id)


def _end(connection: sa.Connection, job_id: str, status: JobStatus) -> None:
    if status is JobStatus.SUCCEEDED:
        endings.succeed(connection, job_id, 1, result={}, stored=[])
    elif status is JobStatus.FAILED:
        endings.fail(connection, job_id, 1, DIVERGED)
    elif status is JobStatus.CANCELLED:
        endings.cancelled(connection, job_id, 1)


def get(connection: sa.Connection, job_id: str) -> Job:
    return queries.get_job(connection, TENANT, job_id)


def cancel(connection: sa.Connection, job_id: str) -> Job:
    return wishes.cancel(connection, TENANT, job_id)


def queue_many(connection: sa.Connection, tenant: str, count: int, **values: Any) -> None:
    """So many copies of one submitted job, made in the database; they are older than any other."""
    job = submit(connection, tenant=tenant)
    first = sa.select(sa.literal(1).label("i")).cte("numbers", recursive=True)
    numbers = first.union_all(sa.select(first.c.i + 1).where(first.c.i < count - 1))
    copies = dict(jobs.c.items()) | {
        name: sa.literal(value, jobs.c[name].type) for name, value in values.items()
    }
    copies["id"] = sa.literal(f"job_00{tenant}").concat(
        sa.cast(numbers.c.i + 10_000_000, sa.String)
    )
    rows = (
        sa.select(*copies.values())
        .select_from(jobs.join(numbers, sa.true()))
        .where(jobs.c.id == job.id)
    )
    connection.execute(sa.insert(jobs).from_select(list(copies), rows))
