"""Jobs that wait for others to succeed. A row stands for one that has not succeeded yet.

Locks are taken in one order: the job that ends, or all of several that end together; the jobs that
wait for it, by their ids; rows of `job_dependencies`, of one job by what it needs; then the tenant.
A retry, too, takes what its job needs before the job.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from jobs import outbox, tenants
from jobs.dialect import now_plus
from jobs.errors import Refusal
from jobs.records import Job
from jobs.states import JobStatus
from jobs.tables import job_dependencies, jobs

POINTER = "/resources/after"
ENDED_BADLY = (JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class Needed:
    """Which of the jobs that a spec waits for have not succeeded yet, and which never can."""

    unmet: list[str]
    refusals: list[Refusal]


def hold(connection: sa.Connection, tenant: str, after: Sequence[str]) -> Needed:
    """Look up the jobs that one waits for; their states stay until this transaction ends."""
    states = _states(connection, tenant, after)
    refusals = [
        Refusal(POINTER, reason)
        for job_id in after
        if (reason := _reason(job_id, states.get(job_id))) is not None
    ]
    unmet = [job_id for job_id in after if states.get(job_id) is not JobStatus.SUCCEEDED]
    return Needed(list(dict.fromkeys(unmet)), refusals)


def _states(connection: sa.Connection, tenant: str, after: Sequence[str]) -> dict[str, JobStatus]:
    if not after:
        return {}
    rows = connection.execute(
        sa.select(jobs.c.id, jobs.c.status)
        .where(jobs.c.id.in_(after), jobs.c.tenant == tenant)
        .order_by(jobs.c.id)
        .with_for_update(read=True)
    )
    return {row.id: row.status for row in rows}


def _reason(job_id: str, status: JobStatus | None) -> str | None:
    if status is None:
        return f"resources.after: there is no job {job_id}; `netaug jobs list` shows yours"
    if status in ENDED_BADLY:
        return f"resources.after: job {job_id} has {status}; retry it first, or leave it out"
    return None


def wait_for(connection: sa.Connection, job_id: str, unmet: Sequence[str]) -> None:
    """Let a job wait for others, which this transaction holds."""
    if unmet:
        rows = [{"job_id": job_id, "needs": needed} for needed in unmet]
        connection.execute(sa.insert(job_dependencies), rows)


def settle(connection: sa.Connection, job: Job) -> None:
    """A job has ended: let go the jobs that waited for its success, or mark them as hopeless."""
    if job.status is JobStatus.SUCCEEDED:
        _let_go(connection, job)
        return
    connection.execute(
        sa.update(job_dependencies).where(job_dependencies.c.needs == job.id).values(broken=True)
    )
    if job.blocked_by:
        own = job_dependencies.c.job_id == job.id
        in_order = sa.select(job_dependencies.c.needs).where(own).order_by(job_dependencies.c.needs)
        connection.execute(in_order.with_for_update())
        connection.execute(sa.delete(job_dependencies).where(own))


def _let_go(connection: sa.Connection, needed: Job) -> None:
    needs_it = job_dependencies.c.needs == needed.id
    waiting = sa.select(job_dependencies.c.job_id).where(needs_it)
    met = connection.scalars(
        sa.select(jobs.c.id).where(jobs.c.id.in_(waiting)).order_by(jobs.c.id).with_for_update()
    ).all()
    if not met:
        return
    connection.execute(sa.delete(job_dependencies).where(needs_it))
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
    ready = sorted(row.id for row in let_go if row.ready)
    for job_id in ready:
        outbox.ring(connection, job_id)
    if ready:
        tenants.mark_waiting(connection, needed.tenant)


def unmet(connection: sa.Connection, job_id: str) -> list[str]:
    """The jobs that a queued job still waits for."""
    needs = sa.select(job_dependencies.c.needs).where(job_dependencies.c.job_id == job_id)
    return list(connection.scalars(needs.order_by(job_dependencies.c.needs)))
