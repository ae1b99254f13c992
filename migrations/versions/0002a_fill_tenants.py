"""The tenants that there are, and the jobs that wait for their time.

Filled beside the service, each batch in a transaction of its own. One that was interrupted goes on
where it was.
"""

from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa
from alembic import op

from jobs.dialect import now_plus

revision = "0002a"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCH_JOBS = 1_000
TENANTS = """
INSERT INTO tenants (name, waiting, running, share, stored_bytes)
SELECT t.name, true, t.running, t.running, (
    SELECT coalesce(sum(f.size_bytes), 0) FROM jobs j JOIN (
        SELECT job_id, size_bytes FROM artifacts
        UNION ALL SELECT job_id, size_bytes FROM checkpoints
    ) f ON f.job_id = j.id WHERE j.tenant = t.name
)
FROM (
    SELECT n.name, (
        SELECT count(*) FROM jobs j WHERE j.tenant = n.name AND j.status = 'running'
    ) AS running
    FROM (
        SELECT tenant AS name FROM jobs UNION SELECT tenant FROM api_keys
        EXCEPT SELECT name FROM tenants
    ) n
    ORDER BY n.name LIMIT 100
) t
"""


def _beside_writes() -> AbstractContextManager[None]:
    context = op.get_context()
    return context.autocommit_block() if context.dialect.name == "postgresql" else nullcontext()


def upgrade() -> None:
    with _beside_writes():
        _in_batches(_unready())
        _in_batches(sa.text(TENANTS))


def _in_batches(batch: sa.Executable) -> None:
    if op.get_context().as_sql:
        op.execute(batch)
        return
    while op.get_bind().execute(batch).rowcount:
        pass


def _unready() -> sa.Update:
    columns = (sa.column(name) for name in ("id", "status", "run_after"))
    jobs = sa.table("jobs", *columns, sa.column("ready", sa.Boolean))
    early = (
        sa.select(jobs.c.id)
        .where(jobs.c.status == "queued", jobs.c.ready, jobs.c.run_after > now_plus())
        .order_by(jobs.c.id)
        .limit(BATCH_JOBS)
        .with_for_update()
    )
    return sa.update(jobs).where(jobs.c.id.in_(early)).values(ready=sa.false())


def downgrade() -> None:
    """What was filled goes with its columns."""
