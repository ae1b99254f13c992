"""Bringing a database to the newest schema with the project's migrations."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine) -> None:
    """Run the migrations that are missing. Two at once: the second waits, then finds none."""
    with engine.connect() as connection:
        command.upgrade(_config(connection), "head")
        connection.commit()


def is_current(connection: sa.Connection) -> bool:
    """Whether the database has the schema that this code was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head
