"""Engines and transactions. The edges commit (`with db.writing(engine)`), the domain never does."""

import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from pydantic_core import from_json
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 15_000
ANSWER_TIMEOUT_S = 20.0  # longer than a statement may take: the server, or the way to it, is gone
POOL_TIMEOUT_S = 5
BUSY_TIMEOUT_MS = 10_000
POSTGRES_SESSION = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout=30000 "
    "-c timezone=UTC"
)
# A peer that went away without a word is noticed by the kernel.
KEEPALIVE: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
Result = TypeVar("Result")

# Postgres says these of itself, too, but not as operational errors.
_TURNED_AWAY = (
    psycopg.errors.ReadOnlySqlTransaction,  # its disk is full, or it is no longer the primary
    psycopg.errors.IdleInTransactionSessionTimeout,  # this process was frozen
    psycopg.errors.TransactionTimeout,
)
# What a database that is away, read-only or overloaded raises; the same call may succeed later. The
# drivers' own errors come from jobs.notices, which listens below SQLAlchemy.
UNAVAILABLE = (
    sa.exc.OperationalError,
    sa.exc.TimeoutError,
    sa.exc.InterfaceError,
    psycopg.OperationalError,
    *_TURNED_AWAY,
    sqlite3.OperationalError,
)


class BoundedConnection(psycopg.Connection[Any]):
    """Waits for no answer for ever: a stalled server, or its proxy, still takes every packet."""

    answer_timeout_s = ANSWER_TIMEOUT_S

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        try:
            limit_s = self.answer_timeout_s if timeout is None else timeout
            return super().wait(gen, interval, limit_s)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise
            self.pgconn.finish()  # a later answer would be taken for the next statement's
            raise psycopg.OperationalError(
                f"the database has not answered for {self.answer_timeout_s:g} seconds"
            ) from error


def create_engine(
    url: str, *, pool_size: int = 5, answer_timeout_s: float = ANSWER_TIMEOUT_S
) -> sa.Engine:
    """An engine for Postgres (psycopg) or SQLite (write-ahead log)."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, pool_size)
    engine = _postgres(parsed, pool_size)
    sa.event.listen(engine, "do_connect", functools.partial(_connect, answer_timeout_s))
    sa.event.listen(engine, "handle_error", _turned_away, retval=True)
    return engine


def _turned_away(context: sa.ExceptionContext) -> Exception | None:
    """Let it be as if the server were gone: the next connection may find another one, or itself."""
    error = context.original_exception
    if not isinstance(error, _TURNED_AWAY):
        return None
    context.is_disconnect = True
    return sa.exc.OperationalError(
        context.statement, context.parameters, error, connection_invalidated=True
    )


def _connect(
    answer_timeout_s: float, _dialect: object, _entry: object, args: Any, options: Any
) -> BoundedConnection:
    connection = BoundedConnection.connect(*args, **options)
    connection.answer_timeout_s = answer_timeout_s
    return connection


def _postgres(url: sa.URL, pool_size: int) -> sa.Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=False,
        pool_recycle=1800,
        json_deserializer=from_json,  # a third of the time that the standard library takes
        connect_args={"options": POSTGRES_SESSION, **KEEPALIVE},
    )


def _sqlite(url: sa.URL, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={"check_same_thread": False, "isolation_level": None},
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit that was answered survives a power cut
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that will write takes the lock at once: an upgrade in the middle could deadlock.
    reads = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction: committed at the end, rolled back on an error."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for reads. On Postgres each statement stands alone, without BEGIN."""
    options: dict[str, Any] = {"reads_only": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with engine.connect().execution_options(**options) as connection:
        yield connection
