"""Which rows outlive their use. A row goes first, with its object's key doomed in one transaction.

Every checkpoint holds the best network so far: the newest one is also the best.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import sqlalchemy as sa

from jobs import db, sources, tenants
from jobs.dialect import database_time, insert_new, now_plus
from jobs.records import Checkpoint, columns
from jobs.settings import Settings
from jobs.states import EventType, JobStatus
from jobs.tables import artifacts, checkpoints, doomed_prefixes, events, jobs

BATCH = 200  # jobs looked at in one step
FINAL = [status for status in JobStatus if status.is_final]
_CHECKPOINTS = columns(Checkpoint, checkpoints)


@dataclass(frozen=True)
class Rules:
    """What is kept, and for how long after a job's end; None: for ever."""

    checkpoints_kept: int
    checkpoint_days: float
    log_days: float | None
    artifact_days: float | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            settings.checkpoints_kept,
            settings.checkpoint_days,
            settings.log_days,
            settings.artifact_days,
        )


@dataclass(frozen=True)
class Standing:
    """What the rules ask of a job."""

    id: str
    tenant: str
    status: JobStatus
    finished_at: datetime | None


_STANDING = columns(Standing, jobs)


def surplus(
    job: Standing, held: Sequence[Checkpoint], rules: Rules, now: datetime
) -> list[Checkpoint]:
    """The checkpoints that a job needs no more."""
    if job.status is JobStatus.QUEUED:
        return []  # it may be claimed at any moment; its surplus goes when it runs
    if job.status is JobStatus.SUCCEEDED or _is_over(job, rules.checkpoint_days, now):
        return list(held)
    newest_first = sorted(held, key=lambda c: (c.step, c.attempt), reverse=True)
    beyond = newest_first[rules.checkpoints_kept :]
    if job.status is JobStatus.RUNNING and held:
        # Its attempt may have begun before what an earlier one reached, and goes on from there.
        newest = max(held, key=lambda c: (c.attempt, c.step))
        return [checkpoint for checkpoint in beyond if checkpoint != newest]
    return beyond


def _is_over(job: Standing, days: float | None, now: datetime) -> bool:
    if days is None or job.finished_at is None:
        return False
    return now - job.finished_at >= timedelta(days=days)


class Sweep:
    """Goes through the jobs, some at each call, and begins again after the last."""

    def __init__(self, engine: sa.Engine, rules: Rules) -> None:
        self._engine = engine
        self._rules = rules
        self._after = {"running": "", "checkpointed": "", "final": ""}

    def step(self) -> int:
        """Look at the next jobs; how many rows went."""
        dropped = 0
        for job_id in self._next("running", _running(self._rules.checkpoints_kept)):
            dropped += self._locked(job_id, self._drop_checkpoints)
        for job_id in self._next("checkpointed", _checkpointed()):
            if self._needs(job_id):
                dropped += self._locked(job_id, self._drop_checkpoints)
        if self._rules.log_days is not None or self._rules.artifact_days is not None:
            for job_id in self._next("final", _ended(self._rules)):
                dropped += self._locked(job_id, self._drop_logs)
                dropped += self._locked(job_id, self._drop_artifacts)
        return dropped

    def _next(self, name: str, found: sa.Select[tuple[str]]) -> list[str]:
        column = found.selected_columns[0]
        with db.reading(self._engine) as connection:
            rows = connection.execute(
                found.where(column > self._after[name]).order_by(column).limit(BATCH)
            )
            ids = [str(row[0]) for row in rows]
        self._after[name] = ids[-1] if len(ids) == BATCH else ""
        return ids

    def _needs(self, job_id: str) -> bool:
        with db.reading(self._engine) as connection:
            job = _standing(connection, job_id, lock=False)
            return job is not None and bool(self._surplus(connection, job))

    def _surplus(self, connection: sa.Connection, job: Standing) -> list[Checkpoint]:
        rows = connection.execute(
            sa.select(*_CHECKPOINTS).where(checkpoints.c.job_id == job.id)
        ).all()
        held = [Checkpoint(**row._mapping) for row in rows]
        return surplus(job, held, self._rules, database_time(connection))

    def _locked(self, job_id: str, drop: Callable[[sa.Connection, Standing], int]) -> int:
        """Drop rows of a job whose state cannot change meanwhile; a busy one has its turn later."""
        with db.writing(self._engine) as connection:
            job = _standing(connection, job_id, lock=True)
            if job is None:
                return 0
            stored = tenants.stored_by(connection, job.id)
            dropped = drop(connection, job)
            left = tenants.stored_by(connection, job.id)
            tenants.add_stored(connection, job.tenant, left - stored)
            return dropped

    def _drop_checkpoints(self, connection: sa.Connection, job: Standing) -> int:
        dropped = self._surplus(connection, job)
        for checkpoint in dropped:
            connection.execute(
                sa.delete(checkpoints).where(
                    checkpoints.c.job_id == job.id,
                    checkpoints.c.attempt == checkpoint.attempt,
                    checkpoints.c.step == checkpoint.step,
                )
            )
            doom(connection, checkpoint.storage_key)
        return len(dropped)

    def _drop_logs(self, connection: sa.Connection, job: Standing) -> int:
        if not _is_over(job, self._rules.log_days, database_time(connection)):
            return 0
        return connection.execute(
            sa.delete(events).where(events.c.job_id == job.id, events.c.type == EventType.LOG)
        ).rowcount

    def _drop_artifacts(self, connection: sa.Connection, job: Standing) -> int:
        if not _is_over(job, self._rules.artifact_days, database_time(connection)):
            return 0
        if sources.waiting_for(connection, job.tenant, job.id) is not None:
            return 0
        keys = connection.scalars(
            sa.delete(artifacts)
            .where(artifacts.c.job_id == job.id)
            .returning(artifacts.c.storage_key)
        ).all()
        for key in keys:
            doom(connection, key)
        return len(keys)


def doom(connection: sa.Connection, key: str) -> None:
    """Have an object removed once this transaction is committed. No row may name it then."""
    connection.execute(
        insert_new(connection, doomed_prefixes).values(prefix=key, created_at=now_plus())
    )


def _standing(connection: sa.Connection, job_id: str, *, lock: bool) -> Standing | None:
    wanted = sa.select(*_STANDING).where(jobs.c.id == job_id)
    row = connection.execute(
        wanted.with_for_update(skip_locked=True) if lock else wanted
    ).one_or_none()
    return None if row is None else Standing(*row)


def _running(kept: int) -> sa.Select[tuple[str]]:
    """Running jobs with more checkpoints than they need."""
    count = sa.select(sa.func.count()).where(checkpoints.c.job_id == jobs.c.id).scalar_subquery()
    return sa.select(jobs.c.id).where(jobs.c.status == JobStatus.RUNNING, count > kept)


def _checkpointed() -> sa.Select[tuple[str]]:
    """Jobs with checkpoints."""
    return sa.select(checkpoints.c.job_id).distinct()


def _ended(rules: Rules) -> sa.Select[tuple[str]]:
    """Jobs whose logs or artifacts may be over."""
    limits = [days for days in (rules.log_days, rules.artifact_days) if days is not None]
    return sa.select(jobs.c.id).where(
        jobs.c.status.in_(FINAL), jobs.c.finished_at < now_plus(-min(limits) * 86_400)
    )
