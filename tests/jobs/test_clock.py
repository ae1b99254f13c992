"""The database's clock in statements that an index must serve."""

import sqlalchemy as sa

from jobs.dialect import now_plus
from jobs.tables import jobs


def test_an_index_is_searched_for_a_moment(postgres_engine: sa.Engine) -> None:
    expired = sa.select(jobs.c.id).where(
        jobs.c.status == sa.literal("running", literal_execute=True),
        jobs.c.lease_until < now_plus(),
    )
    with postgres_engine.connect() as connection:
        connection.execute(sa.text("SET enable_seqscan = off"))
        compiled = expired.compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {compiled}")]

    assert any("Index Cond: (lease_until <" in line for line in plan), plan
