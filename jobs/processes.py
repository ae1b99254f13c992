"""Workers and dispatchers that are up, as they report themselves."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from jobs.dialect import now_plus
from jobs.records import Process, columns
from jobs.tables import processes

LIVE_SECONDS = 30.0  # one that has been silent for longer counts as gone
FORGOTTEN_SECONDS = 24 * 3600.0

WORKER = "worker"
DISPATCHER = "dispatcher"
BACKUP = "backup"  # while there is one, no object is removed


def report(connection: sa.Connection, role: str, name: str, facts: dict[str, Any]) -> None:
    """Say that this process is up, and what it can do."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        insert(processes)
        .values(role=role, name=name, started_at=now_plus(), seen_at=now_plus(), facts=facts)
        .on_conflict_do_update(
            index_elements=[processes.c.role, processes.c.name],
            set_={"seen_at": now_plus(), "facts": facts},
        )
    )


def leave(connection: sa.Connection, role: str, name: str) -> None:
    """Say that this process has shut down."""
    connection.execute(
        sa.delete(processes).where(processes.c.role == role, processes.c.name == name)
    )


def live(connection: sa.Connection, role: str) -> list[Process]:
    """The processes of a role that have reported lately."""
    rows = connection.execute(
        sa.select(*columns(Process, processes))
        .where(processes.c.role == role, processes.c.seen_at > now_plus(-LIVE_SECONDS))
        .order_by(processes.c.name)
    )
    return [Process(**row._mapping) for row in rows]


def most_gpus(connection: sa.Connection) -> int | None:
    """GPUs of the largest live worker; None while no worker is up."""
    workers = live(connection, WORKER)
    return max((int(worker.facts["gpus"]) for worker in workers), default=None)


def forget_silent(connection: sa.Connection) -> int:
    """Remove processes that have not reported for a day."""
    return connection.execute(
        sa.delete(processes).where(processes.c.seen_at < now_plus(-FORGOTTEN_SECONDS))
    ).rowcount
