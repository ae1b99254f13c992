"""Tenants with their shares and quotas; jobs that wait for a time or for other jobs.

The next migration fills them: while this one runs, nobody reads a job.
"""

import sqlalchemy as sa
from alembic import op

from jobs.dialect import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("weight", sa.Integer(), server_default="1", nullable=False),
        sa.Column("running", sa.Integer(), server_default="0", nullable=False),
        sa.Column("share", sa.Float(), server_default="0", nullable=False),
        sa.Column("recent", sa.Float(), server_default="0", nullable=False),
        sa.Column("waiting", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("served_at", UtcDateTime(), nullable=True),
        sa.Column("gpu_seconds_used", sa.Float(), server_default="0", nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("max_queued", sa.Integer(), nullable=True),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("max_gpu_seconds", sa.Float(), nullable=True),
        sa.Column("max_stored_bytes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("weight >= 1", name=op.f("ck_tenants_weight_counts")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tenants")),
    )
    op.create_index(
        "ix_tenants_turn",
        "tenants",
        ["share", "recent", "name"],
        postgresql_where=sa.text("waiting"),
        sqlite_where=sa.text("waiting = 1"),
    )
    op.create_table(
        "job_dependencies",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("needs", sa.String(length=40), nullable=False),
        sa.Column("broken", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_dependencies_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "needs", name=op.f("pk_job_dependencies")),
    )
    op.create_index(op.f("ix_job_dependencies_needs"), "job_dependencies", ["needs"])
    op.create_index(
        "ix_job_dependencies_broken",
        "job_dependencies",
        ["job_id"],
        postgresql_where=sa.text("broken"),
        sqlite_where=sa.text("broken = 1"),
    )
    # Defaults, for jobs that the previous release inserts meanwhile.
    op.add_column(
        "jobs", sa.Column("ready", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.add_column("jobs", sa.Column("blocked_by", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("start_by", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "start_by")
    op.drop_column("jobs", "blocked_by")
    op.drop_column("jobs", "ready")
    op.drop_table("job_dependencies")
    op.drop_table("tenants")
