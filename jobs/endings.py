"""How attempts end, and what becomes of their jobs. Each is fenced, and may be sent again."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from jobs import outbox, tenants
from jobs.dialect import now_plus
from jobs.errors import Fenced
from jobs.ids import new_id
from jobs.lifecycle import JOB_COLUMNS, Ending, end_attempt
from jobs.recording import Entry
from jobs.records import Job
from jobs.states import AttemptOutcome, EventType, JobStatus
from jobs.tables import artifacts, jobs
from netaug_core.errors import FailureClass

FIRST_PAUSE_S = 10.0  # before the second restart of a job whose machines keep dying; then doubled
LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True)
class StoredArtifact:
    """A file whose bytes are in storage already, to be made visible with the job's success."""

    name: str
    kind: str
    media_type: str
    description: str
    storage_key: str
    size_bytes: int
    sha256: str


def succeed(
    connection: sa.Connection,
    job_id: str,
    attempt: int,
    *,
    result: dict[str, Any],
    stored: list[StoredArtifact],
) -> None:
    """Make the artifacts visible and end the job, in one transaction. May be sent again.

    Raises:
        Fenced: the attempt was given up for dead.
    """
    listed = tuple(
        Entry(EventType.ARTIFACT, {"name": a.name, "size_bytes": a.size_bytes, "sha256": a.sha256})
        for a in stored
    )
    ending = Ending(AttemptOutcome.SUCCEEDED, exit_code=0)
    job = end_attempt(
        connection, job_id, attempt, JobStatus.SUCCEEDED, ending, before=listed, result=result
    )
    if job is None:
        _check_ended_so(connection, job_id, attempt, JobStatus.SUCCEEDED)
        return
    rows = [
        {"id": new_id("art"), "job_id": job_id, "attempt": attempt, **vars(artifact)}
        for artifact in stored
    ]
    if rows:
        connection.execute(sa.insert(artifacts).values(created_at=now_plus()), rows)
    tenants.add_stored(connection, job.tenant, sum(artifact.size_bytes for artifact in stored))


def _check_ended_so(
    connection: sa.Connection, job_id: str, attempt: int, status: JobStatus
) -> None:
    ended = connection.execute(
        sa.select(jobs.c.id).where(
            jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == status
        )
    ).scalar()
    if ended is None:
        raise Fenced(f"attempt {attempt} of job {job_id} no longer holds the lease")


def fail(connection: sa.Connection, job_id: str, attempt: int, ending: Ending) -> JobStatus:
    """End an attempt that failed: a lost one is started again, any other ends the job.

    Returns:
        the job's state now.

    Raises:
        Fenced: the attempt was given up for dead.
    """
    if ending.outcome is AttemptOutcome.LOST:
        job = _locked(connection, job_id, attempt)
        return _lose(connection, job, ending)
    moved = end_attempt(
        connection,
        job_id,
        attempt,
        JobStatus.FAILED,
        ending,
        failure=ending.failure,
        failure_message=ending.message,
    )
    if moved is None:
        _check_ended_so(connection, job_id, attempt, JobStatus.FAILED)
    return JobStatus.FAILED


def release(
    connection: sa.Connection,
    job_id: str,
    attempt: int,
    *,
    reason: str = "the worker was shut down",
) -> JobStatus:
    """Give a job back, not charged: the worker leaves it. A cancelled one ends instead.

    Raises:
        Fenced: the attempt was given up for dead.
    """
    job = _locked(connection, job_id, attempt)
    if job.cancel_requested_at is not None:
        return cancelled(connection, job_id, attempt)
    ending = Ending(AttemptOutcome.RELEASED, message=reason)
    end_attempt(connection, job_id, attempt, JobStatus.QUEUED, ending, rung_at=None)
    outbox.ring(connection, job_id)
    return JobStatus.QUEUED


def cancelled(connection: sa.Connection, job_id: str, attempt: int) -> JobStatus:
    """End a running job whose trainer was stopped because its owner gave it up.

    Raises:
        Fenced: the attempt was given up for dead.
    """
    ending = Ending(AttemptOutcome.CANCELLED)
    if end_attempt(connection, job_id, attempt, JobStatus.CANCELLED, ending) is None:
        _check_ended_so(connection, job_id, attempt, JobStatus.CANCELLED)
    return JobStatus.CANCELLED


def expire_leases(connection: sa.Connection, *, limit: int = 100) -> list[str]:
    """Start again, or end, jobs whose worker has not been heard of; their ids."""
    overdue = connection.execute(
        sa.select(*JOB_COLUMNS)
        .where(jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < now_plus())
        .order_by(jobs.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    ending = Ending(
        AttemptOutcome.LOST,
        FailureClass.INFRA_LOST,
        "the worker stopped reporting; its lease ran out",
    )
    # By tenant: two reconcilers then lock the tenants' rows in the same order. See dependencies.
    for row in sorted(overdue, key=lambda row: (row.tenant, row.id)):
        _lose(connection, Job(**row._mapping), ending)
    return [row.id for row in overdue]


def _locked(connection: sa.Connection, job_id: str, attempt: int) -> Job:
    row = connection.execute(
        sa.select(*JOB_COLUMNS)
        .where(jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == JobStatus.RUNNING)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise Fenced(f"attempt {attempt} of job {job_id} no longer holds the lease")
    return Job(**row._mapping)


def _lose(connection: sa.Connection, job: Job, ending: Ending) -> JobStatus:
    lost = job.lost_attempts + 1
    target, values = _after_loss(job, ending, lost)
    # It did not train beyond its lease, however late that is noticed.
    ending = replace(ending, charged_until=job.lease_until)
    end_attempt(connection, job.id, job.attempt, target, ending, lost_attempts=lost, **values)
    if values.get("ready"):
        outbox.ring(connection, job.id)
    return target


def _after_loss(job: Job, ending: Ending, lost: int) -> tuple[JobStatus, dict[str, Any]]:
    if job.cancel_requested_at is not None:
        return JobStatus.CANCELLED, {}
    if lost >= job.max_attempts:
        message = f"{ending.message} (attempt {lost} of {job.max_attempts}; no more are left)"
        return JobStatus.FAILED, {"failure": ending.failure, "failure_message": message}
    pause = pause_before_restart(lost)
    again = {"run_after": now_plus(pause), "ready": pause == 0, "rung_at": None}
    return JobStatus.QUEUED, again


def pause_before_restart(lost_attempts: int) -> float:
    """Seconds: none after the first loss, then 10, 20, 40, ... at most 600."""
    if lost_attempts <= 1:
        return 0.0
    return min(FIRST_PAUSE_S * 2.0 ** (lost_attempts - 2), LONGEST_PAUSE_S)
