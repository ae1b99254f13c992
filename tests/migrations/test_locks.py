"""No migration holds up the service that runs beside it. squawk reads what Postgres is sent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from tests.migrations import histories

ROOT = Path(__file__).parent.parent.parent
SQUAWK = Path(sys.executable).parent / "squawk"
OLDEST_POSTGRES = "15"
STYLE = (
    "prefer-bigint-over-int",
    "prefer-identity",
    "prefer-text-field",  # a length is a limit that the API states, too
)
# What a migration may do although a rule is against it, by revision and rule, with the reason.
WAIVED: dict[str, dict[str, str]] = {}

# A body of `upgrade` that the linter must catch, and by which rule.
CANARIES = {
    "a default that rewrites the table": (
        'op.add_column("jobs", sa.Column("canary", sa.Text, server_default=sa.text("random()")))',
        "adding-field-with-default",
    ),
    "a column that the previous release does not fill": (
        'op.add_column("jobs", sa.Column("canary", sa.Text, nullable=False))',
        "adding-required-field",
    ),
    "an index that keeps writers out": (
        'op.create_index("canary", "jobs", ["name"])',
        "require-concurrent-index-creation",
    ),
    "an index dropped while readers wait": (
        'op.drop_index("ix_jobs_tenant_id", "jobs")',
        "require-concurrent-index-deletion",
    ),
    "an index beside the service, within a transaction": (
        'op.create_index("canary", "jobs", ["name"], postgresql_concurrently=True)',
        "ban-concurrent-index-creation-in-transaction",
    ),
    "another type": (
        'op.alter_column("jobs", "name", type_=sa.Text)',
        "changing-column-type",
    ),
    "another name": (
        'op.alter_column("jobs", "name", new_column_name="title")',
        "renaming-column",
    ),
    "a column that the previous release reads": (
        'op.drop_column("jobs", "name")',
        "ban-drop-column",
    ),
    "a table that the previous release reads": (
        'op.drop_table("job_tags")',
        "ban-drop-table",
    ),
    "a table of another name": (
        'op.rename_table("job_tags", "tags")',
        "renaming-table",
    ),
    "a check of every row": (
        'op.create_check_constraint("canary", "jobs", "priority > -100")',
        "constraint-missing-not-valid",
    ),
    "a foreign key checked in every row": (
        'op.create_foreign_key("canary", "outbox", "jobs", ["job_id"], ["id"])',
        "adding-foreign-key-constraint",
    ),
    "an old column made required": (
        'op.alter_column("jobs", "gpus", nullable=False)',
        "adding-not-nullable-field",
    ),
    "a constraint that the previous release relies on": (
        'op.drop_constraint("uq_artifacts_job_id_name", "artifacts")',
        "ban-drop-constraint",
    ),
}
SAFE = """
    op.add_column("jobs", sa.Column("canary", sa.Text))
    op.add_column("jobs", sa.Column("counted", sa.Integer, nullable=False, server_default="0"))
    op.create_table("canaries", sa.Column("name", sa.Text, primary_key=True))
    op.create_index("ix_canaries_name", "canaries", ["name"])
"""
CONCURRENT = """
    concurrently = {"postgresql_concurrently": True}
    with op.get_context().autocommit_block():
        op.create_index("canary", "jobs", ["name"], if_not_exists=True, **concurrently)
"""
UNTIL_ANOTHER_MIGRATION_WAITS = """
    op.execute('''
        DO $$ BEGIN
            FOR turn IN 1..600 LOOP
                PERFORM pg_stat_clear_snapshot();
                IF EXISTS (
                    SELECT 1 FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND (strpos(query, 'advisory_lock') > 0 OR query = 'ROLLBACK')
                ) THEN RETURN; END IF;
                PERFORM pg_sleep(0.1);
            END LOOP;
            RAISE 'no other migration came';
        END $$
    ''')
"""


def complaints(script: str) -> set[str]:
    """The rules that a script breaks."""
    options = ("--reporter", "json", "--pg-version", OLDEST_POSTGRES, "--exclude", ",".join(STYLE))
    told = subprocess.run(
        [SQUAWK, *options, "--stdin-filepath", "migration.sql"],
        input=script,
        capture_output=True,
        text=True,
    )
    assert told.returncode in (0, 1), told.stderr
    return {complaint["rule_name"] for complaint in json.loads(told.stdout)}


def revisions() -> list[str]:
    """Each step after the first, `0001:0002`: the first makes the tables, which nobody uses yet."""
    script = ScriptDirectory.from_config(histories.config())
    return [
        f"{step.down_revision}:{step.revision}"
        for step in script.walk_revisions()
        if step.down_revision is not None
    ]


def test_no_migration_holds_up_the_service() -> None:
    for step in revisions():
        found = complaints(histories.sql(histories.config(), step))
        assert found - set(WAIVED.get(step.split(":")[1], {})) == set(), step


@pytest.mark.parametrize(("upgrade", "rule"), CANARIES.values(), ids=CANARIES)
def test_a_migration_that_would_is_caught(upgrade: str, rule: str, tmp_path: Path) -> None:
    history = histories.write_next(tmp_path, upgrade)
    assert rule in complaints(histories.sql(history, f"{histories.head()}:{histories.NEXT}"))


@pytest.mark.parametrize("upgrade", [SAFE, CONCURRENT], ids=["safe", "concurrent"])
def test_a_migration_that_would_not_passes(upgrade: str, tmp_path: Path) -> None:
    history = histories.write_next(tmp_path, upgrade)
    assert complaints(histories.sql(history, f"{histories.head()}:{histories.NEXT}")) == set()


def test_a_migration_without_time_limits_is_caught(tmp_path: Path) -> None:
    history = histories.write_next(tmp_path, SAFE)
    script = histories.sql(history, f"{histories.head()}:{histories.NEXT}")
    unlimited = "\n".join(line for line in script.splitlines() if not line.startswith("SET "))
    assert {"require-lock-timeout", "require-statement-timeout"} <= complaints(unlimited)


def test_a_migration_gives_up_a_lock_that_it_cannot_get(
    postgres_engine: sa.Engine, tmp_path: Path
) -> None:
    history = histories.write_next(tmp_path, SAFE)
    with postgres_engine.connect() as reader:
        reader.execute(sa.text("SELECT id FROM jobs"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            histories.migrate(postgres_engine, history)
    histories.migrate(postgres_engine, history)
    assert "canary" in {c["name"] for c in sa.inspect(postgres_engine).get_columns("jobs")}


def test_two_upgrades_at_once_that_build_an_index_beside_the_service(
    postgres_engine: sa.Engine, tmp_path: Path
) -> None:
    """Fails if the second waits for its turn within a statement: the index waits for that one."""
    histories.write_next(tmp_path, UNTIL_ANOTHER_MIGRATION_WAITS + CONCURRENT)
    url = postgres_engine.url.render_as_string(hide_password=False)
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.migrations.histories", url, str(tmp_path)],
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    assert [process.wait(60) for process in both] == [0, 0]
    assert "canary" in {i["name"] for i in sa.inspect(postgres_engine).get_indexes("jobs")}
