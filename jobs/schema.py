"""Bringing a database to the newest schema with the project's migrations.

A schema serves the release it was made for and the one before (docs/deploy.md, Upgrades).
"""

from functools import cache
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


def upgrade(engine: sa.Engine) -> bool:
    """Run the migrations that are missing. Two at once: the second waits, then finds none.

    Returns:
        False if a newer release has migrated the database: it stays as it is, and serves this one.
    """
    with engine.connect() as connection:
        if _is_newer(connection):
            return False
        connection.rollback()
        command.upgrade(_config(connection), "head")
        connection.commit()
    return True


def serves(connection: sa.Connection) -> bool:
    """Whether this code can work with the database: it has its schema, or a newer release's."""
    return revision(connection) == _history()[0] or _is_newer(connection)


def _is_newer(connection: sa.Connection) -> bool:
    found = revision(connection)
    return found is not None and found not in _history()


def revision(connection: sa.Connection) -> str | None:
    """The migration that a database has come to."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _history() -> tuple[str, ...]:
    """The revisions that this code knows, the newest first."""
    script = ScriptDirectory.from_config(_config())
    return tuple(step.revision for step in script.walk_revisions())
