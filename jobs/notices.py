"""Waking up when something was committed: LISTEN on Postgres, a look at data_version on SQLite.

A notice may be missed; whoever waits polls as well, and only the wait gets shorter by it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import psycopg
import sqlalchemy as sa

from jobs import db

EVENTS = "netaug_events"  # payload: the job's id
OUTBOX = "netaug_outbox"
LOOK_EVERY_S = 0.05


class Listener(Protocol):
    def wait(self, seconds: float) -> set[str] | None:
        """Wait for notices.

        Returns:
            the payloads; an empty set after `seconds` without any; None: something changed, and
            this database does not say what.
        """
        ...


class _PostgresListener:
    def __init__(self, connection: "psycopg.Connection[object]") -> None:
        self._connection = connection

    def wait(self, seconds: float) -> set[str] | None:
        return {n.payload for n in self._connection.notifies(timeout=seconds, stop_after=1)}


class _SqliteListener:
    def __init__(self, connection: sa.PoolProxiedConnection) -> None:
        self._cursor = connection.cursor()
        self._version = self._look()

    def wait(self, seconds: float) -> set[str] | None:
        until = time.monotonic() + seconds
        while (version := self._look()) == self._version:
            left = until - time.monotonic()
            if left <= 0:
                return set()
            time.sleep(min(LOOK_EVERY_S, left))
        self._version = version
        return None

    def _look(self) -> int:
        self._cursor.execute("PRAGMA data_version")
        row = self._cursor.fetchone()
        assert row is not None  # noqa: S101  # this pragma always answers
        return int(row[0])


@contextmanager
def listening(engine: sa.Engine, channel: str) -> Iterator[Listener]:
    """Listen on a connection of one's own."""
    if engine.dialect.name == "postgresql":
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, **db.KEEPALIVE) as connection:
            connection.execute(f"LISTEN {channel}")
            yield _PostgresListener(connection)
    else:
        held = engine.raw_connection()  # below SQLAlchemy, so that no transaction is open
        try:
            yield _SqliteListener(held)
        finally:
            held.close()
