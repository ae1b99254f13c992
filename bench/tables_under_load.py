"""What a load leaves in Postgres: dead rows, growth, and which indexes the hot statements take."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from jobs import db, endings, lifecycle, outbox, queries
from jobs.queries import JobFilter
from jobs.recording import Report

TABLES = ("jobs", "events", "metrics", "attempts", "outbox", "tenants")
STATISTICS = sa.text(
    "SELECT relname AS name, pg_relation_size(relid) AS table_bytes, "
    "pg_indexes_size(relid) AS index_bytes, n_dead_tup AS dead_rows, n_tup_upd AS updates, "
    "n_tup_hot_upd AS hot_updates, n_tup_ins AS inserts, autovacuum_count AS vacuums "
    "FROM pg_stat_user_tables WHERE relname = ANY(:names)"
)
COUNTED = ("updates", "hot_updates", "inserts", "vacuums", "table_bytes", "index_bytes")
LONGEST = 300
COMMITS = 50

Sizes = dict[str, dict[str, int]]


def sizes(engine: sa.Engine) -> Sizes:
    """The statistics of each table as they are."""
    with db.reading(engine) as connection:
        rows = connection.execute(STATISTICS, {"names": list(TABLES)}).mappings()
        return {row["name"]: {key: row[key] for key in row if key != "name"} for row in rows}


def commit_ms(engine: sa.Engine) -> float:
    """What one durable commit of a few bytes takes at the median, alone on the server."""
    took = []
    for _ in range(COMMITS):
        with db.writing(engine) as connection:
            connection.execute(sa.text("SELECT pg_logical_emit_message(true, 'bench', 'x')"))
            began = time.perf_counter()
        took.append(time.perf_counter() - began)
    return round(1000 * statistics.median(took), 2)


def growth(before: Sizes, after: Sizes) -> dict[str, dict[str, int]]:
    """What was added; dead rows as they are at the end."""
    return {
        name: {"dead_rows": now["dead_rows"], "bytes": now["table_bytes"]}
        | {f"more_{key}": now[key] - before[name][key] for key in COUNTED}
        for name, now in after.items()
    }


def plans(engine: sa.Engine, job_id: str, tenant: str) -> dict[str, list[str]]:
    """How Postgres finds the rows of each statement of the hot calls."""
    calls: dict[str, Callable[[sa.Connection], object]] = {
        "claim": lambda c: lifecycle.claim(c, worker="plan", gpus=0, lease_seconds=60.0),
        "report": lambda c: lifecycle.report(
            c, job_id, 1, Report(batch=1 << 30, last_step=1), lease_seconds=60.0
        ),
        "list": lambda c: queries.list_jobs(c, tenant, JobFilter()),
        "get": lambda c: queries.get_job(c, tenant, job_id),
        "expire": endings.expire_leases,
        "outbox": lambda c: outbox.pending(c, 100),
        "silent": lambda c: outbox.ring_silent(c, limit=1),
    }
    return {name: _plans(engine, call) for name, call in calls.items()}


def _plans(engine: sa.Engine, call: Callable[[sa.Connection], object]) -> list[str]:
    sent: list[tuple[str, Any]] = []
    with engine.connect() as connection, connection.begin() as transaction:

        @sa.event.listens_for(connection, "before_cursor_execute")
        def _keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            sent.append((statement, parameters))

        call(connection)
        sa.event.remove(connection, "before_cursor_execute", _keep)
        found = [line for one in sent for line in _scans(connection, *one)]
        transaction.rollback()
    return found


def _scans(connection: sa.Connection, statement: str, parameters: Any) -> list[str]:
    if statement.startswith("INSERT") and "SELECT" not in statement:
        return []
    one = parameters[0] if isinstance(parameters, list) else parameters
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", one)
    lines = [row[0].strip().removeprefix("->").strip() for row in rows]
    return [line.partition("  (")[0][:LONGEST] for line in lines if "Scan" in line]
