"""The project's migrations with one more after them, as the next release would bring it."""

import io
import sys
from pathlib import Path
from textwrap import dedent, indent

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from jobs import db, schema

NEXT = "next"
_MODULE = '''"""A migration of the next release."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{head}"


def upgrade() -> None:
{upgrade}

def downgrade() -> None:
{downgrade}
'''


def config(directory: Path | None = None) -> Config:
    """The project's history, with the migrations of a folder if one is given."""
    made = Config(output_buffer=io.StringIO())
    made.set_main_option("script_location", str(schema.MIGRATIONS))
    made.set_main_option("path_separator", "newline")
    folders = [schema.MIGRATIONS / "versions", *([directory] if directory else [])]
    made.set_main_option("version_locations", "\n".join(map(str, folders)))
    return made


def head() -> str:
    """The newest revision of the project."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


def write_next(directory: Path, upgrade: str, downgrade: str = "pass") -> Config:
    """Write a migration with these bodies; the history that ends with it."""
    bodies = {"upgrade": upgrade, "downgrade": downgrade}
    text = {name: indent(dedent(body).strip("\n"), "    ") + "\n" for name, body in bodies.items()}
    module = _MODULE.format(revision=NEXT, head=head(), **text)
    (directory / "next.py").write_text(module, encoding="utf-8")
    return config(directory)


def sql(history: Config, revisions: str) -> str:
    """What Postgres would be sent to go from one revision to another, `0001:0002`."""
    command.upgrade(history, revisions, sql=True)
    script = history.output_buffer
    assert isinstance(script, io.StringIO)
    return script.getvalue()


def migrate(engine: sa.Engine, history: Config, *, down_to: str | None = None) -> None:
    """Bring a database to the end of a history, or back to a revision."""
    with engine.connect() as connection:
        history.attributes["connection"] = connection
        if down_to is None:
            command.upgrade(history, "head")
        else:
            command.downgrade(history, down_to)
        connection.commit()


if __name__ == "__main__":  # a migration is a process: Alembic's context is one a process
    migrate(db.create_engine(sys.argv[1]), config(Path(sys.argv[2])))
