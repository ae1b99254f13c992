"""Tenants with their shares and quotas; jobs that wait for a time or for other jobs."""

import sqlalchemy as sa
from alembic import op

from jobs.dialect import UtcDateTime, now_plus

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KNOWN = """
INSERT INTO tenants (name, waiting, running, share, stored_bytes)
SELECT t.name, true, count(j.id), count(j.id), 0
FROM (SELECT tenant AS name FROM jobs UNION SELECT tenant FROM api_keys) t
LEFT JOIN jobs j ON j.tenant = t.name AND j.status = 'running'
GROUP BY t.name
"""
STORED = """
UPDATE tenants SET stored_bytes = (
    SELECT coalesce(sum(f.size_bytes), 0) FROM jobs j JOIN (
        SELECT job_id, size_bytes FROM artifacts
        UNION ALL SELECT job_id, size_bytes FROM checkpoints
    ) f ON f.job_id = j.id WHERE j.tenant = tenants.name
)
"""


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
    _fill()


def _fill() -> None:
    jobs = sa.table("jobs", sa.column("status"), sa.column("run_after"), sa.column("ready"))
    later = sa.and_(jobs.c.status == "queued", jobs.c.run_after > now_plus())
    op.execute(sa.update(jobs).where(later).values(ready=sa.false()))
    op.execute(KNOWN)
    op.execute(STORED)


def downgrade() -> None:
    op.drop_column("jobs", "start_by")
    op.drop_column("jobs", "blocked_by")
    op.drop_column("jobs", "ready")
    op.drop_table("job_dependencies")
    op.drop_table("tenants")
