"""Alembic's entry: the same history for Postgres and SQLite, one migration at a time."""

from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from jobs import db
from jobs.dialect import Json, UtcDateTime
from jobs.settings import DatabaseSettings
from jobs.tables import metadata

LOCK_ID = 7_317_001  # two migrations at once: the second waits for the first
LOCK_TIMEOUT = "5s"  # a migration that cannot get its lock fails, and blocks nobody


def render(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Our own column types by name, in a generated migration."""
    if kind == "type" and (isinstance(item, UtcDateTime) or item is Json):
        autogen.imports.add("from jobs.dialect import Json, UtcDateTime")
        return "Json" if item is Json else "UtcDateTime()"
    return False


def migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        render_item=render,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = db.create_engine(DatabaseSettings().database_url.get_secret_value())
    with engine.connect() as connection:
        migrate(connection)
        connection.commit()
    engine.dispose()
