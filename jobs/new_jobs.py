"""A new job's row with what belongs to it: its tags, its first event, its doorbell."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from jobs import dependencies, outbox, recording, starts, tenants
from jobs.dialect import now_plus
from jobs.prepared import Prepared
from jobs.queries import JOB_COLUMNS
from jobs.recording import Entry
from jobs.records import Job, Json
from jobs.states import EventType, JobStatus
from jobs.tables import events, job_tags, jobs
from jobs.tables import outbox as outbox_table
from jobs.tables import tenants as tenant_table

GIVEN = (
    *("id", "tenant", "name", "tags", "spec", "cost", "dataset", "dataset_digest"),
    *("max_attempts", "priority", "gpus"),
)
QUEUED = Entry(EventType.STATE, {"status": JobStatus.QUEUED})
_INSERT_JOB = (
    sa.insert(jobs)
    .values(
        status=JobStatus.QUEUED,
        attempt=0,
        lost_attempts=0,
        run_after=now_plus(),
        seconds_used=0.0,
        last_event=1,
        last_batch=0,
        version=1,
        created_at=now_plus(),
    )
    .returning(*JOB_COLUMNS)
)


def store(connection: sa.Connection, values: Json, unmet: Sequence[str]) -> Job:
    """Store a job of these columns, as GIVEN lists them, which waits for the `unmet` others.

    On Postgres what may start at once goes there and back once; all else, part by part.
    """
    waits = starts.asks_for_any(values["spec"]["resources"])
    if connection.dialect.name == "postgresql" and not waits:
        return _at_once(connection, values)
    return _by_parts(connection, values, unmet)


def _at_once(connection: sa.Connection, values: Json) -> Job:
    given = {f"new_{name}": value for name, value in values.items()}
    *row, waiting = _ALL.rows(connection, {**given, "new_words": values["tags"]})[0]
    if not waiting:
        tenants.mark_waiting(connection, values["tenant"])
    return Job(*row)


def _by_parts(connection: sa.Connection, values: Json, unmet: Sequence[str]) -> Job:
    resources = values["spec"]["resources"]
    waits = starts.columns(resources, blocked_by=len(unmet), has_started=False)
    job = Job(*connection.execute(_INSERT_JOB.values(**waits), values).one())
    if job.tags:
        tags = [{"tenant": job.tenant, "tag": tag, "job_id": job.id} for tag in job.tags]
        connection.execute(sa.insert(job_tags), tags)
    recording.append_events(connection, job.id, 0, 1, (QUEUED,))
    dependencies.wait_for(connection, job.id, unmet)
    if job.ready:
        outbox.ring(connection, job.id)
        tenants.mark_waiting(connection, job.tenant)
    return job


def _new(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(f"new_{name}", type_=jobs.c[name].type)


def _all() -> Prepared:
    """One statement for all parts, which also tells whether the tenant has its mark."""
    job = _INSERT_JOB.values({name: _new(name) for name in GIVEN}).cte("job")
    event = sa.insert(events).values(
        job_id=_new("id"),
        seq=1,
        type=QUEUED.type,
        attempt=0,
        data=QUEUED.data,
        created_at=now_plus(),
    )
    doorbell = sa.insert(outbox_table).values(job_id=_new("id"), created_at=now_plus())
    words = sa.func.unnest(sa.bindparam("new_words", type_=ARRAY(job_tags.c.tag.type)))
    tagged = sa.insert(job_tags).from_select(
        ["tenant", "tag", "job_id"], sa.select(_new("tenant"), words, _new("id"))
    )
    waiting = sa.select(tenant_table.c.waiting).where(tenant_table.c.name == _new("tenant"))
    parts = (event.cte("event"), doorbell.inline().cte("doorbell"), tagged.cte("tagged"))
    return Prepared(sa.select(*job.c, waiting.scalar_subquery()).add_cte(*parts))


_ALL = _all()
