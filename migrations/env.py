"""Alembic's entry: the same history for Postgres and SQLite, one migration at a time.

Each migration is a transaction of its own, so that one may leave it for what Postgres does
outside of any: `with op.get_context().autocommit_block()` and CREATE INDEX CONCURRENTLY.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from jobs import db
from jobs.dialect import Json, UtcDateTime
from jobs.settings import DatabaseSettings
from jobs.tables import metadata

LOCK_ID = 7_317_001  # two migrations at once: the second waits for the first
LOCK_POLL_S = 0.2
TIMEOUTS = (
    "SET lock_timeout = '5s'",  # a migration that cannot get its lock fails, and blocks nobody
    "SET statement_timeout = '1h'",  # an index of a big table is built beside the running service
)


def render(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Our own column types by name, in a generated migration."""
    if kind == "type" and (isinstance(item, UtcDateTime) or item is Json):
        autogen.imports.add("from jobs.dialect import Json, UtcDateTime")
        return "Json" if item is Json else "UtcDateTime()"
    return False


@contextmanager
def alone(connection: sa.Connection) -> Iterator[None]:
    """No other migration runs meanwhile; SQLite's writers are alone without it.

    The lock is tried again and again, not awaited: CREATE INDEX CONCURRENTLY waits for every
    statement that runs, so for one that waits for this lock, too.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    lock = {"id": LOCK_ID}
    while not connection.scalar(sa.text("SELECT pg_try_advisory_lock(:id)"), lock):
        connection.rollback()
        time.sleep(LOCK_POLL_S)
    for timeout in TIMEOUTS:
        connection.execute(sa.text(timeout))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(sa.text("RESET lock_timeout"))
        connection.execute(sa.text("RESET statement_timeout"))
        connection.execute(sa.text("SELECT pg_advisory_unlock(:id)"), lock)
        connection.commit()


def migrate(connection: sa.Connection) -> None:
    with alone(connection):
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_type=True,
            render_item=render,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


def write_sql() -> None:
    """What Postgres would be sent, as a script; the linter of the migrations reads it."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        literal_binds=True,
        transaction_per_migration=True,
        output_buffer=context.config.output_buffer,
    )
    for timeout in TIMEOUTS:
        context.get_context().impl.static_output(f"{timeout};\n")
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    write_sql()
elif given is not None:
    migrate(given)
else:
    engine = db.create_engine(DatabaseSettings().database_url.get_secret_value())
    with engine.connect() as own:
        migrate(own)
    engine.dispose()
