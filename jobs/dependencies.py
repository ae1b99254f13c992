"""Jobs that wait for others to succeed. A row stands for one that has not succeeded yet."""

from collections.abc import Sequence

import sqlalchemy as sa

from jobs import outbox
from jobs.dialect import now_plus
from jobs.records import Job
from jobs.states import JobStatus
from jobs.tables import job_dependencies, jobs

ENDED_BADLY = (JobStatus.FAILED, JobStatus.CANCELLED)


def states(connection: sa.Connection, tenant: str, job_ids: Sequence[str]) -> dict[str, JobStatus]:
    """The states of a tenant's jobs, which they keep until this transaction ends; none: gone."""
    if not job_ids:
        return {}
    rows = connection.execute(
        sa.select(jobs.c.id, jobs.c.status)
        .where(jobs.c.id.in_(job_ids), jobs.c.tenant == tenant)
        .order_by(jobs.c.id)
        .with_for_update(read=True)
    )
    return {row.id: row.status for row in rows}


def wait_for(connection: sa.Connection, job_id: str, needs: Sequence[str]) -> None:
    """Let a job wait for others, whose states `states` has looked up in this transaction."""
    if needs:
        connection.execute(
            sa.insert(job_dependencies),
            [{"job_id": job_id, "needs": needed} for needed in needs],
        )


def settle(connection: sa.Connection, job: Job) -> None:
    """A job has ended: let go the jobs that waited for its success, or mark them as hopeless."""
    if job.status is JobStatus.SUCCEEDED:
        _let_go(connection, job.id)
    elif job.status in ENDED_BADLY:
        connection.execute(
            sa.update(job_dependencies)
            .where(job_dependencies.c.needs == job.id)
            .values(broken=True)
        )
    if job.status in ENDED_BADLY:  # it waits for nothing any longer
        forget(connection, job.id)


def forget(connection: sa.Connection, job_id: str) -> None:
    """A job waits for no other any longer."""
    connection.execute(sa.delete(job_dependencies).where(job_dependencies.c.job_id == job_id))


def _let_go(connection: sa.Connection, needed: str) -> None:
    met = connection.scalars(
        sa.delete(job_dependencies)
        .where(job_dependencies.c.needs == needed)
        .returning(job_dependencies.c.job_id)
    ).all()
    if not met:
        return
    left = jobs.c.blocked_by - 1
    let_go = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id.in_(met), jobs.c.status == JobStatus.QUEUED)
        .values(
            blocked_by=left,
            ready=sa.and_(left == 0, jobs.c.run_after <= now_plus()),
            version=jobs.c.version + 1,
        )
        .returning(jobs.c.id, jobs.c.ready)
    ).all()
    for row in let_go:
        if row.ready:
            outbox.ring(connection, row.id)


def unmet(connection: sa.Connection, job_id: str) -> list[str]:
    """The jobs that a queued job still waits for."""
    return list(
        connection.scalars(
            sa.select(job_dependencies.c.needs)
            .where(job_dependencies.c.job_id == job_id)
            .order_by(job_dependencies.c.needs)
        )
    )
