"""The life of a job. Only `move` writes a status: one conditional UPDATE, and an event.

`attempt` is the fencing token: a worker that was given up for dead changes no row and gets Fenced.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from jobs import dependencies, queries, recording, sources, tenants, turns
from jobs.dialect import now_plus
from jobs.errors import Fenced
from jobs.recording import Entry, Report
from jobs.records import Checkpoint, Job, columns
from jobs.sources import SourceModel
from jobs.states import AttemptOutcome, EventType, JobStatus, sources_of
from jobs.tables import attempts, jobs
from netaug_core.errors import FailureClass

JOB_COLUMNS = columns(Job, jobs)

# Built once: building one costs more than sending it.
_CHANGE = (
    sa.update(jobs)
    .where(
        jobs.c.id == sa.bindparam("job"),
        jobs.c.status.in_(sa.bindparam("sources", expanding=True)),
    )
    .values(
        status=sa.bindparam("target", type_=jobs.c.status.type),
        version=jobs.c.version + 1,
        last_event=jobs.c.last_event + sa.bindparam("told", type_=sa.Integer),
        attempt=jobs.c.attempt + sa.bindparam("begun", type_=sa.Integer),
    )
    .returning(*JOB_COLUMNS)
)
_START_ATTEMPT = sa.insert(attempts).values(started_at=now_plus())
_STARTED_AT = sa.func.coalesce(jobs.c.started_at, now_plus())


@dataclass(frozen=True)
class Claim:
    """A job that this attempt now owns, its checkpoints, the newest first, and its sources."""

    job: Job
    checkpoints: list[Checkpoint]
    sources: list[SourceModel]

    @property
    def seconds_left(self) -> float:
        """What remains of the job's time limit, in seconds."""
        limit = float(self.job.spec["resources"]["time_limit_seconds"])
        return limit - self.job.seconds_used


@dataclass(frozen=True)
class Wishes:
    """What the owner asked of a running job."""

    cancel: bool
    stop: bool


@dataclass(frozen=True)
class Told:
    """What a change of state tells: facts beside the status, and events that come before it."""

    facts: dict[str, Any] = field(default_factory=dict)
    before: tuple[Entry, ...] = ()

    def entries(self, target: JobStatus) -> tuple[Entry, ...]:
        changed = Entry(EventType.STATE, {"status": target, **self.facts})
        if target.is_final:
            return (*self.before, changed, Entry(EventType.DONE, {"status": target}))
        return (*self.before, changed)


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, for its row and for the people who read it.

    Its time is charged until its end, or until `charged_until` if that is earlier.
    """

    outcome: AttemptOutcome
    failure: FailureClass | None = None
    message: str | None = None
    exit_code: int | None = None
    charged_until: datetime | None = None


def move(
    connection: sa.Connection,
    job_id: str,
    target: JobStatus,
    *,
    sources: set[JobStatus],
    attempt: int | None = None,
    told: Told | None = None,
    **values: Any,
) -> Job | None:
    """Change a job's state along the transition table, and say so in its events.

    The job must be in one of `sources` and, if `attempt` is given, still at that attempt; `values`
    are further columns to set.

    Returns:
        the job as it is now, or None if the conditions do not hold: nothing was written then.
    """
    if not sources <= sources_of(target):
        raise ValueError(f"no transition from {sorted(sources)} to {target}")
    entries = (told or Told()).entries(target)
    held = () if attempt is None else (jobs.c.attempt == attempt,)
    row = connection.execute(
        _CHANGE.where(*held).values(finished_at=now_plus() if target.is_final else None, **values),
        {
            "job": job_id,
            "sources": list(sources),
            "target": target,
            "told": len(entries),
            # A claim is what starts an attempt: the fencing token grows nowhere else.
            "begun": int(target is JobStatus.RUNNING),
        },
    ).one_or_none()
    if row is None:
        return None
    job = Job(*row)
    recording.append_events(connection, job_id, job.attempt, job.last_event, entries)
    if target.is_final:
        dependencies.settle(connection, job)
    return job


def end_attempt(
    connection: sa.Connection,
    job_id: str,
    attempt: int,
    target: JobStatus,
    ending: Ending,
    *,
    before: tuple[Entry, ...] = (),
    **values: Any,
) -> Job | None:
    """Move a running job on and close its attempt; None if this attempt no longer holds it."""
    facts = {"outcome": ending.outcome, "failure": ending.failure, "message": ending.message}
    job = move(
        connection,
        job_id,
        target,
        sources={JobStatus.RUNNING},
        attempt=attempt,
        told=Told({name: fact for name, fact in facts.items() if fact is not None}, before),
        lease_until=None,
        worker=None,
        **values,
    )
    if job is not None:
        ended = connection.execute(
            sa.update(attempts)
            .where(attempts.c.job_id == job_id, attempts.c.attempt == attempt)
            .values(
                ended_at=now_plus(),
                outcome=ending.outcome,
                failure=ending.failure,
                message=ending.message,
                exit_code=ending.exit_code,
            )
            .returning(attempts.c.started_at, attempts.c.ended_at)
        ).one()
        until = min(ended.ended_at, ending.charged_until or ended.ended_at)
        seconds = (until - ended.started_at).total_seconds()
        if job.status is JobStatus.QUEUED and job.ready:
            tenants.mark_waiting(connection, job.tenant)
        tenants.give_back(connection, job.tenant, job.gpus, seconds)
    return job


def claim(
    connection: sa.Connection, *, worker: str, gpus: int, lease_seconds: float
) -> Claim | None:
    """Take the queued job that fits this worker and whose turn it is; start its next attempt.

    Returns:
        None if there is none, or another worker was faster.
    """
    turn = turns.next_job(connection, gpus=gpus)
    if turn is None:
        return None
    job = move(
        connection,
        turn.job_id,
        JobStatus.RUNNING,
        sources={JobStatus.QUEUED},
        told=Told({"worker": worker}),
        lease_until=now_plus(lease_seconds),
        worker=worker,
        last_batch=0,
        start_by=None,
        started_at=_STARTED_AT,
    )
    if job is None:
        return None
    connection.execute(_START_ATTEMPT, {"job_id": job.id, "attempt": job.attempt, "worker": worker})
    return Claim(
        job,
        queries.checkpoints(connection, job.id) if job.attempt > 1 else [],
        sources.models(connection, job.tenant, job.spec),
    )


def report(
    connection: sa.Connection, job_id: str, attempt: int, news: Report, *, lease_seconds: float
) -> Wishes:
    """Renew the lease and keep what happened since the last report.

    A report that is sent again, because the answer to its commit was lost, is kept once.

    Raises:
        Fenced: the attempt was given up for dead.
    """
    entries = news.all_entries
    row = connection.execute(
        _renewal(job_id, attempt, lease_seconds)
        .where(jobs.c.last_batch < news.batch)
        .values(
            last_batch=news.batch,
            last_event=jobs.c.last_event + len(entries),
            **({"progress": news.progress} if news.progress else {}),
            **({"seconds_used": news.seconds_used} if news.seconds_used else {}),
        )
    ).one_or_none()
    if row is None:
        row = connection.execute(_renewal(job_id, attempt, lease_seconds)).one_or_none()
        if row is None:
            raise Fenced(f"attempt {attempt} of job {job_id} no longer holds the lease")
    else:
        recording.append_events(connection, job_id, attempt, row.last_event, entries)
        recording.append_metrics(connection, job_id, attempt, news.metrics)
        stored_bytes = recording.append_checkpoints(connection, job_id, attempt, news.checkpoints)
        recording.note_attempt(connection, job_id, attempt, news)
        tenants.add_stored(connection, row.tenant, stored_bytes)
    return Wishes(
        cancel=row.cancel_requested_at is not None, stop=row.stop_requested_at is not None
    )


def _renewal(job_id: str, attempt: int, lease_seconds: float) -> Any:
    return (
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == JobStatus.RUNNING)
        .values(lease_until=now_plus(lease_seconds), version=jobs.c.version + 1)
        .returning(
            jobs.c.tenant, jobs.c.last_event, jobs.c.cancel_requested_at, jobs.c.stop_requested_at
        )
    )
