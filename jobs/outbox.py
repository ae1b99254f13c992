"""Doorbells to send: committed with the job's change, published by the dispatcher."""

from dataclasses import dataclass

import sqlalchemy as sa

from jobs.dialect import now_plus
from jobs.prepared import Prepared
from jobs.states import JobStatus
from jobs.tables import jobs, outbox

SILENT_AFTER_S = 10.0  # a queued job whose doorbell is this old gets another
_RING = Prepared(sa.insert(outbox).values(created_at=now_plus()).inline(), columns=("job_id",))


@dataclass(frozen=True)
class Doorbell:
    """A row of the outbox: there is work, for example this job."""

    id: int
    job_id: str


def ring(connection: sa.Connection, job_id: str) -> None:
    """Put a doorbell for a queued job into the outbox."""
    _RING.send(connection, {"job_id": job_id})


def pending(connection: sa.Connection, limit: int) -> list[Doorbell]:
    """The oldest doorbells. Two dispatchers may see the same ones: ringing twice is harmless."""
    rows = connection.execute(
        sa.select(outbox.c.id, outbox.c.job_id).order_by(outbox.c.id).limit(limit)
    )
    return [Doorbell(row.id, row.job_id) for row in rows]


def ringing(connection: sa.Connection, doorbells: list[Doorbell]) -> None:
    """Note that these are about to be sent.

    In a transaction of its own: a worker that answers at once must not find the job locked, and
    pass over it.
    """
    connection.execute(
        sa.update(jobs)
        .where(jobs.c.id.in_([doorbell.job_id for doorbell in doorbells]))
        .values(rung_at=now_plus())
    )


def published(connection: sa.Connection, doorbells: list[Doorbell]) -> None:
    """Take published doorbells out of the outbox."""
    connection.execute(
        sa.delete(outbox).where(outbox.c.id.in_([doorbell.id for doorbell in doorbells]))
    )


def ring_silent(connection: sa.Connection, limit: int) -> int:
    """Ring again for queued jobs whose doorbell is old, lost with the broker, or was never sent.

    Returns:
        how many doorbells were put into the outbox.
    """
    waiting = sa.exists().where(outbox.c.job_id == jobs.c.id)
    silent = (
        sa.select(jobs.c.id, now_plus())
        .where(
            jobs.c.status == JobStatus.QUEUED,
            jobs.c.ready,
            sa.or_(jobs.c.rung_at.is_(None), jobs.c.rung_at < now_plus(-SILENT_AFTER_S)),
            ~waiting,
        )
        .order_by(jobs.c.priority.desc(), jobs.c.id)
        .limit(limit)
    )
    rung = sa.insert(outbox).from_select(["job_id", "created_at"], silent).returning(outbox.c.id)
    return len(connection.execute(rung).all())  # psycopg's rowcount is gone after such an INSERT
