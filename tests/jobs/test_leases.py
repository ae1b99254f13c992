"""Leases are renewed all the time: what a renewal writes, and what finding a lost one reads."""

import sqlalchemy as sa

from jobs import db, endings, lifecycle
from jobs.recording import Report
from tests.builders import LAPSED_S, LEASE_S, claim, queue_many, submit
from tests.jobs.test_plans import rows_read

MANY = 2_000


def test_a_renewal_writes_one_row_and_no_index(postgres_engine: sa.Engine) -> None:
    with db.writing(postgres_engine) as connection:
        submit(connection)
        job = claim(connection).job
    with db.writing(postgres_engine) as connection:
        before = updates(connection)
        for batch in (1, 2, 3):
            news = Report(batch=batch, progress={"step": batch}, seconds_used=float(batch))
            lifecycle.report(connection, job.id, job.attempt, news, lease_seconds=LEASE_S)
        assert updates(connection) - before == 3
        assert updates(connection, "n_tup_hot_upd") == 3


def updates(connection: sa.Connection, which: str = "n_tup_upd") -> int:
    """Updated rows of `jobs` that this connection has not told the statistics yet."""
    counts = sa.table("pg_stat_xact_user_tables", sa.column("relname"), sa.column(which))
    ours = counts.c.relname == "jobs"
    return int(connection.execute(sa.select(counts.c[which]).where(ours)).scalar_one())


def test_lost_leases_are_looked_for_among_running_jobs_only(postgres_engine: sa.Engine) -> None:
    with db.writing(postgres_engine) as connection:
        submit(connection)
        lost = claim(connection, LAPSED_S).job.id
        queue_many(connection, "big", MANY)
    with db.writing(postgres_engine) as connection:
        connection.execute(sa.text("ANALYZE"))
        read = rows_read(connection, endings.expire_leases)
    assert max(read.values()) < MANY // 10, read
    with db.writing(postgres_engine) as connection:
        assert endings.expire_leases(connection) == [lost]
