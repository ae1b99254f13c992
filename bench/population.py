"""Many jobs within seconds: copies of a few that were really submitted, made by the database."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jobs import db, lifecycle, submission
from jobs.recording import Report
from jobs.records import MetricPoint
from jobs.states import JobStatus
from jobs.tables import events, jobs, metrics
from netaug_core.spec import JobSpec

SPEC: dict[str, Any] = {
    "name": "bench",
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 28, "stem_stride": 1},
    "data": {"dataset": "digits", "batch_size": 64},
    "training": {"epochs": 12, "warmup_epochs": 1, "learning_rate": 0.1},
}
TENANT = "bench"
LEASE_S = 3600.0
BULK_S = 900.0  # for statements that make a million rows
STATE_COLUMNS = {
    JobStatus.QUEUED: {"rung_at": "now()"},
    JobStatus.RUNNING: {
        "attempt": "1",
        "worker": "'bench'",
        "lease_until": "now() + interval '1 hour'",
    },
    JobStatus.SUCCEEDED: {"attempt": "1", "finished_at": "now()"},
}


@dataclass(frozen=True)
class Crowd:
    """So many jobs of a tenant. Older than any that are submitted: their ids begin with a zero."""

    tenant: str
    count: int
    status: JobStatus = JobStatus.SUCCEEDED
    series: str = "a"  # tells the ids of one crowd from another's

    def id_of(self, number: int) -> str:
        return f"{self.prefix}{number:07x}"

    @property
    def prefix(self) -> str:
        return f"job_0{self.series:0>24}"


def patient_engine(url: str) -> sa.Engine:
    """An engine that waits for bulk statements."""
    return db.create_engine(url, answer_timeout_s=BULK_S)


def submit(connection: sa.Connection, tenant: str = TENANT) -> str:
    """One job through the front door of the domain; its id."""
    spec = JobSpec.model_validate(SPEC)
    return submission.submit(connection, spec, (), tenant=tenant).job.id


def add(connection: sa.Connection, template: str, crowd: Crowd) -> None:
    """Copies of a queued job: rows of `jobs`, each with its first event and no doorbell."""
    job_id = f"'{crowd.prefix}' || lpad(to_hex(n), 7, '0')"
    own = {
        "id": job_id,
        "tenant": f"'{crowd.tenant}'",
        "status": f"'{crowd.status}'",
        "created_at": "now() - interval '1 day' + n * interval '1 ms'",
    }
    _copy(connection, jobs, f"id = '{template}'", own | STATE_COLUMNS[crowd.status], crowd.count)
    _copy(connection, events, f"job_id = '{template}' AND seq = 1", {"job_id": job_id}, crowd.count)


def _copy(
    connection: sa.Connection, table: sa.Table, which: str, own: dict[str, str], count: int
) -> None:
    """So many copies of one row; `own` has SQL for what differs, with `n` counting from 1."""
    names = table.columns.keys()
    values = ", ".join(own.get(name, name) for name in names)
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} "  # noqa: S608  # ours
            f"FROM {table.name}, generate_series(1, {count}) AS n WHERE {which}"
        )
    )


def add_history(connection: sa.Connection, steps: int) -> str:
    """A running job with one metric point a step; its id."""
    submit(connection)
    claim = lifecycle.claim(connection, worker="bench", gpus=0, lease_seconds=LEASE_S)
    assert claim is not None  # noqa: S101  # a job was just submitted
    job = claim.job
    point = MetricPoint("train_loss", 0, 0, 1.5, epoch_end=False)
    news = Report(batch=1, metrics=(point,))
    lifecycle.report(connection, job.id, job.attempt, news, lease_seconds=LEASE_S)
    own = {
        "step": "n",
        "epoch": "n / 1000",
        "value": "2.0 / (1.0 + n / 1000.0) + 0.1 * random()",
    }
    _copy(connection, metrics, f"job_id = '{job.id}'", own, steps - 1)
    return job.id


def analyze(engine: sa.Engine) -> None:
    """What autovacuum would have done by the time that so many jobs had come."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        connection.execute(sa.text("VACUUM ANALYZE"))
