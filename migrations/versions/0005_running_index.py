"""Running jobs are found by an index that a renewed lease leaves alone.

With room in the table's pages a renewal then writes one row and no index (Postgres: HOT).
"""

from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RUNNING = sa.text("status = 'running'")
FILL_PERCENT = 85


def _beside_writes() -> AbstractContextManager[None]:
    context = op.get_context()
    return context.autocommit_block() if context.dialect.name == "postgresql" else nullcontext()


def _replace(old: str, new: str, columns: list[str]) -> None:
    with _beside_writes():
        op.drop_index(new, "jobs", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            new,
            "jobs",
            columns,
            postgresql_where=RUNNING,
            sqlite_where=RUNNING,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index(old, "jobs", if_exists=True, postgresql_concurrently=True)


def upgrade() -> None:
    _replace("ix_jobs_lease", "ix_jobs_running", ["id"])
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE jobs SET (fillfactor = {FILL_PERCENT})")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE jobs RESET (fillfactor)")
    _replace("ix_jobs_running", "ix_jobs_lease", ["lease_until"])
