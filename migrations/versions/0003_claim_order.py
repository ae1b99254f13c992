"""The indexes of the claim by tenant, of jobs that wait for a time, and of those that waited.

Built beside running writes. One that was interrupted leaves an invalid index: it is made anew.
"""

from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002a"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_jobs_ready": (
        ["tenant", sa.text("coalesce(gpus, 0)"), sa.text("priority DESC"), "id"],
        "status = 'queued' AND ready",
        "status = 'queued' AND ready = 1",
    ),
    "ix_jobs_due": (
        ["run_after"],
        "status = 'queued' AND NOT ready AND blocked_by = 0",
        "status = 'queued' AND ready = 0 AND blocked_by = 0",
    ),
    "ix_jobs_start_by": (
        ["start_by"],
        "status = 'queued' AND start_by IS NOT NULL",
        "status = 'queued' AND start_by IS NOT NULL",
    ),
}


def _beside_writes() -> AbstractContextManager[None]:
    context = op.get_context()
    return context.autocommit_block() if context.dialect.name == "postgresql" else nullcontext()


def upgrade() -> None:
    with _beside_writes():
        for name, (columns, on_postgresql, on_sqlite) in INDEXES.items():
            op.drop_index(name, "jobs", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                "jobs",
                columns,
                postgresql_where=sa.text(on_postgresql),
                sqlite_where=sa.text(on_sqlite),
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    with _beside_writes():
        for name in INDEXES:
            op.drop_index(name, "jobs", if_exists=True, postgresql_concurrently=True)
