"""The tables. Constraints state what must hold whatever the code does; migrations/ creates them."""

import enum

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from jobs.dialect import BigId, Json, UtcDateTime, WordOf
from jobs.states import AttemptOutcome, EventType, JobStatus, WorkerWish
from netaug_core.errors import FailureClass

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _enum(words: type[enum.StrEnum], name: str, *, constrained: bool = True) -> WordOf:
    return WordOf(
        words,
        name=name,
        native_enum=False,
        create_constraint=constrained,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


def _job_id(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "job_id",
        sa.String(40),
        ForeignKey("jobs.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


jobs = Table(
    "jobs",
    metadata,
    Column("id", sa.String(40), primary_key=True),
    Column("tenant", sa.String(64), nullable=False),
    Column("name", sa.String(100), nullable=False),
    Column("tags", Json, nullable=False),
    Column("spec", Json, nullable=False),
    Column("cost", Json, nullable=False),
    Column("dataset", sa.String(200), nullable=False),
    Column("dataset_digest", sa.String(64)),
    Column("status", _enum(JobStatus, "status"), nullable=False),
    Column("attempt", sa.Integer, nullable=False),  # the fencing token; 0 before the first claim
    Column("lost_attempts", sa.Integer, nullable=False),
    Column("max_attempts", sa.Integer, nullable=False),
    Column("priority", sa.Integer, nullable=False),
    Column("gpus", sa.Integer),
    Column("run_after", UtcDateTime, nullable=False),
    # May be claimed while it is queued: run_after has gone by, and nothing blocks it.
    Column("ready", sa.Boolean, nullable=False, server_default=sa.true()),
    Column("blocked_by", sa.Integer, nullable=False, server_default="0"),  # jobs it waits for
    Column("start_by", UtcDateTime),  # one that has not started by then fails
    Column("rung_at", UtcDateTime),  # when a doorbell for it was last sent
    Column("cancel_requested_at", UtcDateTime),
    Column("stop_requested_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("worker", sa.String(200)),
    Column("progress", Json),
    Column("seconds_used", sa.Float, nullable=False),  # of the time limit, by ended attempts
    Column("result", Json),
    Column("failure", _enum(FailureClass, "failure")),
    Column("failure_message", sa.Text),
    Column("last_event", sa.Integer, nullable=False),
    Column("last_batch", sa.Integer, nullable=False),  # newest report of this attempt
    Column("version", sa.Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    sa.CheckConstraint(
        "(status = 'running') = (lease_until IS NOT NULL)", name="running_has_lease"
    ),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
        name="final_has_finish",
    ),
    sa.CheckConstraint("(status = 'failed') = (failure IS NOT NULL)", name="failed_has_class"),
    sa.CheckConstraint("attempt >= lost_attempts AND lost_attempts >= 0", name="attempts_count"),
    Index(None, "tenant", "id"),
    Index(None, "tenant", "status", "id"),
    Index(None, "tenant", "name", "id"),
    Index(
        "ix_jobs_claim",
        sa.text("priority DESC"),
        "id",
        postgresql_where=sa.text("status = 'queued'"),
    ),
    # Not over lease_until: a renewal would then write every index of the table.
    Index(
        "ix_jobs_running",
        "id",
        postgresql_where=sa.text("status = 'running'"),
        sqlite_where=sa.text("status = 'running'"),
    ),
    Index(
        "ix_jobs_ready",
        "tenant",
        sa.text("coalesce(gpus, 0)"),
        sa.text("priority DESC"),
        "id",
        postgresql_where=sa.text("status = 'queued' AND ready"),
        sqlite_where=sa.text("status = 'queued' AND ready = 1"),
    ),
    Index(
        "ix_jobs_due",
        "run_after",
        postgresql_where=sa.text("status = 'queued' AND NOT ready AND blocked_by = 0"),
        sqlite_where=sa.text("status = 'queued' AND ready = 0 AND blocked_by = 0"),
    ),
    Index(
        "ix_jobs_start_by",
        "start_by",
        postgresql_where=sa.text("status = 'queued' AND start_by IS NOT NULL"),
        sqlite_where=sa.text("status = 'queued' AND start_by IS NOT NULL"),
    ),
)

tenants = Table(
    "tenants",
    metadata,
    Column("name", sa.String(64), primary_key=True),
    Column("weight", sa.Integer, nullable=False, server_default="1"),
    Column("running", sa.Integer, nullable=False, server_default="0"),  # slots in use
    Column("share", sa.Float, nullable=False, server_default="0"),  # running / weight
    Column("recent", sa.Float, nullable=False, server_default="0"),  # see jobs/tenants.py
    Column("waiting", sa.Boolean, nullable=False, server_default=sa.false()),  # has ready jobs
    Column("served_at", UtcDateTime),  # when a job of it was claimed last
    Column("gpu_seconds_used", sa.Float, nullable=False, server_default="0"),
    Column("stored_bytes", sa.BigInteger, nullable=False, server_default="0"),
    # Quotas; null: none.
    Column("max_queued", sa.Integer),
    Column("max_running", sa.Integer),
    Column("max_gpu_seconds", sa.Float),
    Column("max_stored_bytes", sa.BigInteger),
    sa.CheckConstraint("weight >= 1", name="weight_counts"),
    Index(
        "ix_tenants_turn",
        "share",
        "recent",
        "name",
        postgresql_where=sa.text("waiting"),
        sqlite_where=sa.text("waiting = 1"),
    ),
)

job_dependencies = Table(
    "job_dependencies",
    metadata,
    _job_id(primary_key=True),
    Column("needs", sa.String(40), primary_key=True),  # no foreign key: it may be deleted first
    Column("broken", sa.Boolean, nullable=False, server_default=sa.false()),
    Index(None, "needs"),
    Index(
        "ix_job_dependencies_broken",
        "job_id",
        postgresql_where=sa.text("broken"),
        sqlite_where=sa.text("broken = 1"),
    ),
)

job_tags = Table(
    "job_tags",
    metadata,
    Column("tenant", sa.String(64), primary_key=True),
    Column("tag", sa.String(50), primary_key=True),
    _job_id(primary_key=True),
    Index(None, "job_id"),
)

attempts = Table(
    "attempts",
    metadata,
    _job_id(primary_key=True),
    Column("attempt", sa.Integer, primary_key=True),
    Column("worker", sa.String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("from_step", sa.BigInteger),  # where training went on; null until the trainer said so
    Column("last_step", sa.BigInteger),
    Column("environment", Json),
    Column("outcome", _enum(AttemptOutcome, "outcome")),
    Column("failure", _enum(FailureClass, "failure")),
    Column("message", sa.Text),
    Column("exit_code", sa.Integer),
    sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_has_outcome"),
    Index(
        "ix_attempts_one_open",
        "job_id",
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
        sqlite_where=sa.text("outcome IS NULL"),
    ),
)

events = Table(
    "events",
    metadata,
    _job_id(primary_key=True),
    Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    Column("type", _enum(EventType, "type"), nullable=False),
    Column("attempt", sa.Integer, nullable=False),
    Column("data", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "job_id", "type", "seq"),
)

metrics = Table(
    "metrics",
    metadata,
    _job_id(primary_key=True),
    Column("key", sa.String(64), primary_key=True),
    Column("step", sa.BigInteger, primary_key=True),
    Column("attempt", sa.Integer, primary_key=True),
    Column("epoch", sa.Integer, nullable=False),
    Column("value", sa.Float),  # null: not a finite number
    Column("epoch_end", sa.Boolean, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _job_id(primary_key=True),
    Column("attempt", sa.Integer, primary_key=True),
    Column("step", sa.BigInteger, primary_key=True),
    Column("storage_key", sa.String(300), nullable=False),
    Column("size_bytes", sa.BigInteger, nullable=False),
    Column("sha256", sa.String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", sa.String(40), primary_key=True),
    _job_id(),
    Column("attempt", sa.Integer, nullable=False),
    Column("name", sa.String(100), nullable=False),
    Column("kind", sa.String(20), nullable=False),
    Column("media_type", sa.String(100), nullable=False),
    Column("description", sa.String(500), nullable=False),
    Column("storage_key", sa.String(300), nullable=False),
    Column("size_bytes", sa.BigInteger, nullable=False),
    Column("sha256", sa.String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("job_id", "name"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("job_id", sa.String(40), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "job_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant", sa.String(64), primary_key=True),
    Column("key", sa.String(255), primary_key=True),
    Column("body_sha256", sa.String(64), nullable=False),
    Column("job_id", sa.String(40), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", sa.String(40), primary_key=True),
    Column("tenant", sa.String(64), nullable=False),
    Column("name", sa.String(100), nullable=False),
    Column("sha256", sa.String(64), nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index(None, "tenant", "id"),
)

processes = Table(
    "processes",
    metadata,
    Column("role", sa.String(20), primary_key=True),  # worker or dispatcher
    Column("name", sa.String(200), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("facts", Json, nullable=False),
    Column("wish", _enum(WorkerWish, "wish", constrained=False)),  # an operator's, of a worker
)

doomed_prefixes = Table(
    "doomed_prefixes",
    metadata,
    # To be removed: all objects below a deleted job's prefix, or one object by its key.
    Column("prefix", sa.String(300), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
)
