"""What the scheduler asks for reads the same few rows, however many jobs are queued."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import lifecycle, outlook, processes, queries, tenants, turns, waiting
from jobs.tables import jobs, metadata
from tests.builders import LEASE_S, TENANT, claim, make_spec, queue_many, submit

QUEUED = 20_000
MOST_ROWS = 60  # that one statement may read, of 20,000
GPUS = 4


def try_claim(connection: sa.Connection) -> Any:
    return lifecycle.claim(connection, worker="w", gpus=GPUS, lease_seconds=LEASE_S)


def claim_under_a_quota(connection: sa.Connection) -> Any:
    facts = {"gpus": 2 * GPUS, "draining": False}
    processes.report(connection, processes.WORKER, "larger", facts)
    tenants.set_quota(connection, "big", {"max_running": 2 * GPUS})
    return try_claim(connection)


CALLS: dict[str, Callable[[sa.Connection], Any]] = {
    "claim": try_claim,
    "claim under a quota": claim_under_a_quota,
    "submit": submit,
    "release_due": waiting.release_due,
    "end_overdue": waiting.end_overdue,
    "end_hopeless": waiting.end_hopeless,
    "mark_missed": waiting.mark_missed,
    "unmark_idle": waiting.unmark_idle,
    "check_room": lambda connection: tenants.check_room(connection, "tiny", None),
}


@pytest.fixture
def crowded(postgres_engine: sa.Engine) -> sa.Engine:
    """One tenant with many queued jobs, some of many GPUs or not ready, and one with a few."""
    with postgres_engine.begin() as connection:
        queue_many(connection, "big", QUEUED)
        queue_many(connection, "wide", QUEUED // 4, gpus=8)
        queue_many(connection, "later", QUEUED // 4, ready=False, blocked_by=1)
        submit(connection, tenant="tiny")
        for _ in range(3):
            submit(connection)
        claim(connection)
        connection.execute(sa.text("ANALYZE"))
    return postgres_engine


@pytest.mark.parametrize("name", CALLS)
def test_no_statement_reads_more_because_more_are_queued(crowded: sa.Engine, name: str) -> None:
    with crowded.connect() as connection:
        read = rows_read(connection, CALLS[name])
    assert read
    assert {statement: rows for statement, rows in read.items() if rows > MOST_ROWS} == {}


def test_the_position_in_the_largest_queue_is_counted_to_its_limit_only(
    crowded: sa.Engine,
) -> None:
    with crowded.begin() as connection:
        job = submit(connection, tenant="big")
        read = rows_read(connection, lambda c: outlook.of(c, job))
    assert max(read.values()) <= 2 * outlook.MOST


@pytest.mark.parametrize("which", ["the oldest", "the most urgent"])
def test_the_position_at_the_head_of_the_largest_queue_reads_no_more_than_is_before_it(
    crowded: sa.Engine, which: str
) -> None:
    with crowded.begin() as connection:
        if which == "the oldest":
            oldest = sa.select(sa.func.min(jobs.c.id)).where(jobs.c.tenant == "big", turns.READY)
            head = queries.get_job(connection, "big", connection.execute(oldest).scalar_one())
        else:
            head = submit(connection, make_spec(priority=1), tenant="big")
        read = rows_read(connection, lambda c: outlook.of(c, head))
    assert {statement: rows for statement, rows in read.items() if rows > MOST_ROWS} == {}


def test_a_plan_without_its_index_is_found(crowded: sa.Engine) -> None:
    with crowded.connect() as connection:
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            connection.execute(sa.text(f"SET LOCAL enable_{way} = off"))
        read = rows_read(connection, try_claim)
    assert max(read.values()) > MOST_ROWS


def test_sqlite_uses_the_index_of_ready_jobs(sqlite_url: str) -> None:
    engine = sa.create_engine(sqlite_url)
    statement = turns._of_size(sa.literal_column("0"))
    asked = str(statement.compile(engine))
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {asked}", (TENANT,) * asked.count("?")
        )
        told = " ".join(row.detail for row in plan)
    assert "USING INDEX ix_jobs_ready" in told
    assert "TEMP B-TREE" not in told


def rows_read(connection: sa.Connection, call: Callable[[sa.Connection], Any]) -> dict[str, int]:
    """By statement, the rows that its scans read, also those they threw away."""
    read: dict[str, int] = {}

    def explain(
        _connection: object, cursor: Any, statement: str, parameters: Any, *_rest: object
    ) -> None:
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            cursor.execute("SAVEPOINT explained")  # to explain is to run it
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            (plan,) = cursor.fetchone()[0]
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
            name = re.sub(r"\s+", " ", statement)[:300]
            read[name] = max(read.get(name, 0), _rows(plan["Plan"]))

    savepoint = connection.begin_nested()
    sa.event.listen(connection, "before_cursor_execute", explain)
    try:
        call(connection)
    finally:
        sa.event.remove(connection, "before_cursor_execute", explain)
        savepoint.rollback()
    return read


def _rows(node: dict[str, Any]) -> int:
    thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    own = 0
    if node.get("Relation Name") in metadata.tables:
        own = round((node["Actual Rows"] + thrown_away) * node["Actual Loops"])
    return own + sum(_rows(inner) for inner in node.get("Plans", []))
