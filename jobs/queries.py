"""Reads. Lists go by key, newest first; nothing counts a big table."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from jobs.errors import ArtifactNotFound, JobNotFound
from jobs.prepared import Prepared, Row
from jobs.receipts import WrittenCheckpoint
from jobs.records import (
    Artifact,
    Attempt,
    Checkpoint,
    Event,
    Job,
    ListedJob,
    MetricPoint,
    Standing,
    columns,
)
from jobs.states import EventType, JobStatus
from jobs.tables import artifacts, attempts, job_tags, jobs
from jobs.tables import checkpoints as checkpoint_table
from jobs.tables import events as event_table
from jobs.tables import metrics as metric_table

JOB_COLUMNS = columns(Job, jobs)
EVENT_COLUMNS = columns(Event, event_table)
NEWEST_CHECKPOINTS = 3

# Built once: building one costs more than sending it.
_ONE = (jobs.c.id == sa.bindparam("id"), jobs.c.tenant == sa.bindparam("tenant"))
_JOB = Prepared(sa.select(*JOB_COLUMNS).where(*_ONE))
_JOB_LOCKED = Prepared(sa.select(*JOB_COLUMNS).where(*_ONE).with_for_update())
_STANDING = Prepared(sa.select(*columns(Standing, jobs)).where(*_ONE))
_LISTED = sa.select(
    *(
        jobs.c.spec["model"]["name"].as_string() if field.name == "model" else jobs.c[field.name]
        for field in fields(ListedJob)
    )
)
_ATTEMPTS = Prepared(
    sa.select(*columns(Attempt, attempts))
    .where(attempts.c.job_id == sa.bindparam("job"))
    .order_by(attempts.c.attempt)
)


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list. `before` is the id after which the page begins (older ones)."""

    statuses: tuple[JobStatus, ...] = ()
    tags: tuple[str, ...] = ()
    name: str | None = None
    created_after: datetime | None = None
    before: str | None = None
    limit: int = field(default=50)


def get_job(connection: sa.Connection, tenant: str, job_id: str) -> Job:
    """One job of a tenant.

    Raises:
        JobNotFound: there is none, or it belongs to another tenant.
    """
    return _one_job(connection, _JOB, tenant, job_id)


def lock_job(connection: sa.Connection, tenant: str, job_id: str) -> Job:
    """One job of a tenant, which no other transaction changes before this one ends.

    Raises:
        JobNotFound: there is none, or it belongs to another tenant.
    """
    return _one_job(connection, _JOB_LOCKED, tenant, job_id)


def standing(connection: sa.Connection, tenant: str, job_id: str) -> Standing:
    """How far a job of a tenant has come, without its spec.

    Raises:
        JobNotFound: there is none, or it belongs to another tenant.
    """
    return Standing(*_one_row(connection, _STANDING, tenant, job_id))


def _one_job(connection: sa.Connection, statement: Prepared, tenant: str, job_id: str) -> Job:
    return Job(*_one_row(connection, statement, tenant, job_id))


def _one_row(connection: sa.Connection, statement: Prepared, tenant: str, job_id: str) -> Row:
    rows = statement.rows(connection, {"id": job_id, "tenant": tenant})
    if not rows:
        raise JobNotFound(f"there is no job {job_id!r}; `GET /v1/jobs` lists yours")
    return rows[0]


def list_jobs(connection: sa.Connection, tenant: str, wanted: JobFilter) -> list[ListedJob]:
    """A page of a tenant's jobs, newest first; without their specs, which are most of a row."""
    given: dict[str, Any] = {
        "tenant": tenant,
        "limit": wanted.limit,
        "before": wanted.before,
        "name": wanted.name,
        "created_after": wanted.created_after,
    }
    values = {name: value for name, value in given.items() if value is not None}
    values |= _numbered("tag", wanted.tags) | _numbered("status", wanted.statuses)
    return [ListedJob(*row) for row in _page(frozenset(values)).rows(connection, values)]


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}_{index}": value for index, value in enumerate(values)}


def _among(column: sa.Column[Any], name: str, given: frozenset[str]) -> list[Any]:
    """The condition that a column has one of the values that are numbered so; none, if none is."""
    numbered = sorted(one for one in given if one.startswith(f"{name}_"))
    return [column.in_([sa.bindparam(one) for one in numbered])] if numbered else []


@cache
def _page(given: frozenset[str]) -> Prepared:
    """The statement for a page under these conditions."""
    conditions: dict[str, sa.ColumnElement[bool]] = {
        "before": jobs.c.id < sa.bindparam("before"),
        "name": jobs.c.name == sa.bindparam("name"),
        "created_after": jobs.c.created_at > sa.bindparam("created_after"),
    }
    return Prepared(
        _LISTED.where(
            jobs.c.tenant == sa.bindparam("tenant"),
            *(condition for name, condition in conditions.items() if name in given),
            *_among(jobs.c.status, "status", given),
            *(_has_tag(name) for name in sorted(given) if name.startswith("tag_")),
        )
        # Both columns, so that the planner walks this tenant's part of the index only.
        .order_by(jobs.c.tenant.desc(), jobs.c.id.desc())
        .limit(sa.bindparam("limit"))
    )


def _has_tag(parameter: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        job_tags.c.tenant == sa.bindparam("tenant"),
        job_tags.c.tag == sa.bindparam(parameter),
        job_tags.c.job_id == jobs.c.id,
    )


def list_attempts(connection: sa.Connection, job_id: str) -> list[Attempt]:
    """All attempts of a job, the first one first."""
    return [Attempt(*row) for row in _ATTEMPTS.rows(connection, {"job": job_id})]


def written_checkpoints(
    connection: sa.Connection, job_id: str, steps: Sequence[int]
) -> list[WrittenCheckpoint]:
    """When checkpoints of these steps were stored; by the events, which outlive the files."""
    step = event_table.c.data["step"].as_integer()
    rows = connection.execute(
        sa.select(event_table.c.attempt, step, event_table.c.created_at).where(
            event_table.c.job_id == job_id,
            event_table.c.type == EventType.CHECKPOINT,
            step.in_(steps),
        )
    )
    return [WrittenCheckpoint(*row) for row in rows.all()]


def list_events(
    connection: sa.Connection,
    job_id: str,
    *,
    after: int = 0,
    limit: int = 200,
    only: EventType | None = None,
) -> list[Event]:
    """Events of a job in order, after a sequence number."""
    statement = sa.select(*EVENT_COLUMNS).where(
        event_table.c.job_id == job_id, event_table.c.seq > after
    )
    if only is not None:
        statement = statement.where(event_table.c.type == only)
    rows = connection.execute(statement.order_by(event_table.c.seq).limit(limit))
    return [Event(*row) for row in rows.all()]


def log_tail(connection: sa.Connection, job_id: str, *, chunks: int = 5) -> str:
    """The end of a job's log."""
    rows = connection.execute(
        sa.select(event_table.c.data)
        .where(event_table.c.job_id == job_id, event_table.c.type == EventType.LOG)
        .order_by(event_table.c.seq.desc())
        .limit(chunks)
    )
    return "".join(str(row.data["text"]) for row in reversed(rows.all()))


def log_bytes(connection: sa.Connection, job_id: str) -> int:
    """About how much of its log a job has used, in bytes."""
    text = event_table.c.data["text"].as_string()
    used = connection.execute(
        sa.select(sa.func.sum(sa.func.length(text))).where(
            event_table.c.job_id == job_id, event_table.c.type == EventType.LOG
        )
    ).scalar()
    return int(used or 0)


def list_metrics(
    connection: sa.Connection,
    job_id: str,
    *,
    keys: tuple[str, ...] = (),
    after: tuple[int, str] | None = None,
    epoch_end: bool | None = None,
    limit: int = 1000,
) -> list[MetricPoint]:
    """Metric points by step, then key, after such a pair; of overlapping attempts, the newest."""
    values: dict[str, Any] = {"job": job_id, "limit": limit, **_numbered("key", keys)}
    if after is not None:
        values["after_step"], values["after_key"] = after
    if epoch_end is not None:
        values["epoch_end"] = epoch_end
    return [MetricPoint(*row) for row in _points(frozenset(values)).rows(connection, values)]


@cache
def _points(given: frozenset[str]) -> Prepared:
    """The statement for a page of metric points under these conditions."""
    shown = columns(MetricPoint, metric_table)
    step, key = metric_table.c.step, metric_table.c.key
    last_step: sa.ColumnElement[int] = sa.bindparam("after_step")
    last_key: sa.ColumnElement[str] = sa.bindparam("after_key")
    beyond = sa.or_(step > last_step, sa.and_(step == last_step, key > last_key))
    epoch_end = metric_table.c.epoch_end == sa.bindparam("epoch_end")
    age = sa.func.row_number().over(
        partition_by=(key, step), order_by=metric_table.c.attempt.desc()
    )
    ranked = sa.select(*shown, age.label("age")).where(
        metric_table.c.job_id == sa.bindparam("job"),
        *([beyond] if "after_step" in given else []),
        *([epoch_end] if "epoch_end" in given else []),
        *_among(key, "key", given),
    )
    newest = ranked.subquery()
    return Prepared(
        sa.select(*[newest.c[column.name] for column in shown])
        .where(newest.c.age == 1)
        .order_by(newest.c.step, newest.c.key)
        .limit(sa.bindparam("limit")),
        binary=True,
    )


def checkpoints(connection: sa.Connection, job_id: str) -> list[Checkpoint]:
    """The newest checkpoints of a job, the newest first."""
    rows = connection.execute(
        sa.select(*columns(Checkpoint, checkpoint_table))
        .where(checkpoint_table.c.job_id == job_id)
        .order_by(checkpoint_table.c.step.desc(), checkpoint_table.c.attempt.desc())
        .limit(NEWEST_CHECKPOINTS)
    )
    return [Checkpoint(**row._mapping) for row in rows]


def list_artifacts(connection: sa.Connection, job_id: str) -> list[Artifact]:
    """The files of a job that succeeded, by name."""
    rows = connection.execute(
        sa.select(*columns(Artifact, artifacts))
        .where(artifacts.c.job_id == job_id)
        .order_by(artifacts.c.name)
    )
    return [Artifact(**row._mapping) for row in rows]


def get_artifact(connection: sa.Connection, job_id: str, name: str) -> Artifact:
    """One file of a job that succeeded.

    Raises:
        ArtifactNotFound: the job has none of this name.
    """
    row = connection.execute(
        sa.select(*columns(Artifact, artifacts)).where(
            artifacts.c.job_id == job_id, artifacts.c.name == name
        )
    ).one_or_none()
    if row is None:
        raise ArtifactNotFound(
            f"job {job_id} has no artifact {name!r}; `GET /v1/jobs/{job_id}/artifacts` lists them"
        )
    return Artifact(**row._mapping)


def newest_digest(connection: sa.Connection, dataset: str) -> str | None:
    """The digest of a dataset as the newest job that read it found it."""
    return connection.execute(
        sa.select(jobs.c.dataset_digest)
        .where(jobs.c.dataset == dataset, jobs.c.dataset_digest.is_not(None))
        .order_by(jobs.c.id.desc())
        .limit(1)
    ).scalar()


def count_by_status(connection: sa.Connection) -> dict[JobStatus, int]:
    """How many jobs of all tenants are queued and running, for the operator's metrics."""
    return {
        status: connection.execute(statement).scalar_one() for status, statement in _COUNTS.items()
    }


def _count(status: JobStatus) -> sa.Select[int]:
    # As a literal: an index of the jobs in this state is not searched for a parameter.
    wanted = sa.literal(status, jobs.c.status.type, literal_execute=True)
    return sa.select(sa.func.count()).select_from(jobs).where(jobs.c.status == wanted)


_COUNTS = {status: _count(status) for status in (JobStatus.QUEUED, JobStatus.RUNNING)}
