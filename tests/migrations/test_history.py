"""The migrations make the tables that the code declares, on both databases."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from jobs import db, schema
from jobs.tables import metadata
from tests.migrations import histories
from tests.servers import Postgres

ROOT = Path(__file__).parent.parent.parent
TRIGGERS = sa.text("SELECT event_object_table FROM information_schema.triggers ORDER BY 1")

pytestmark = [  # of SQLite's index with an expression
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression"),
]


@pytest.fixture(params=["postgres", "sqlite"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database without any table."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/empty.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create_database(f"empty_{tmp_path.name}")
    engine = db.create_engine(url)
    yield engine
    engine.dispose()
    if request.param == "postgres":
        server.drop_database(f"empty_{tmp_path.name}")


def is_not_claim_index(_item: object, name: str | None, *_rest: object) -> bool:
    """SQLite's reflection drops a DESC, and an index with an expression: Postgres compares them."""
    return name not in {"ix_jobs_claim", "ix_jobs_ready"}


def differences(engine: sa.Engine, declared: sa.MetaData) -> list[object]:
    with engine.connect() as connection:
        options: dict[str, object] = {"compare_type": True}
        if engine.dialect.name == "sqlite":
            options["include_object"] = is_not_claim_index
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, declared))


def downgrade(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()


def test_the_migrations_make_the_declared_tables(empty: sa.Engine) -> None:
    schema.upgrade(empty)
    assert differences(empty, metadata) == []


def test_a_column_that_no_migration_makes_is_found(engine: sa.Engine) -> None:
    declared = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(declared)
    declared.tables["jobs"].append_column(sa.Column("canary", sa.Integer))
    (difference,) = differences(engine, declared)
    assert isinstance(difference, tuple)
    assert difference[0] == "add_column"


def test_a_database_serves_only_after_its_migrations(empty: sa.Engine) -> None:
    with empty.connect() as connection:
        assert not schema.serves(connection)
    assert schema.upgrade(empty)
    with empty.connect() as connection:
        assert schema.serves(connection)


def test_a_database_of_the_next_release_serves_and_stays_as_it_is(
    engine: sa.Engine, tmp_path: Path
) -> None:
    histories.migrate(engine, histories.write_next(tmp_path, "pass"))
    assert not schema.upgrade(engine)
    with engine.connect() as connection:
        assert schema.serves(connection)
        assert MigrationContext.configure(connection).get_current_revision() == histories.NEXT


def test_a_database_of_an_earlier_release_does_not_serve(engine: sa.Engine) -> None:
    downgrade(engine)
    with engine.connect() as connection:
        assert not schema.serves(connection)


def test_down_to_nothing_and_up_again(engine: sa.Engine) -> None:
    downgrade(engine)
    assert set(sa.inspect(engine).get_table_names()) == {"alembic_version"}
    schema.upgrade(engine)
    assert differences(engine, metadata) == []


def test_two_upgrades_at_once_both_end_well(empty: sa.Engine) -> None:
    # Processes: Alembic's context is one a process, as are the migrations of two containers.
    url = empty.url.render_as_string(hide_password=False)
    environment = {**os.environ, "NETAUG_DATABASE_URL": url}
    command_line = [sys.executable, "-m", "jobs", "migrate"]
    both = [subprocess.Popen(command_line, env=environment, cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert differences(empty, metadata) == []


def test_postgres_tells_of_new_events_and_doorbells(postgres_engine: sa.Engine) -> None:
    with postgres_engine.connect() as connection:
        assert list(connection.scalars(TRIGGERS)) == ["events", "outbox"]
