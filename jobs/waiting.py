"""What time does to queued jobs: they become ready, they wait too long, or wait in vain.

The dispatcher calls these each period. Each can be called twice, or by two dispatchers at once.
"""

import sqlalchemy as sa

from jobs import lifecycle, outbox, tenants
from jobs.dialect import now_plus
from jobs.lifecycle import Told
from jobs.states import JobStatus
from jobs.tables import job_dependencies, jobs
from jobs.tables import tenants as tenant_table
from jobs.turns import NEEDS, QUEUED, READY
from netaug_core.errors import FailureClass

BATCH = 100
SETTLED_S = 2.0  # a submit that saw its tenant waiting has committed by then


def release_due(connection: sa.Connection, *, limit: int = BATCH) -> list[str]:
    """Make jobs ready whose `run_after` has come, and ring for them; their ids."""
    due = (
        sa.select(jobs.c.id, jobs.c.tenant)
        .where(
            QUEUED,
            ~jobs.c.ready,
            jobs.c.blocked_by == sa.literal_column("0"),
            jobs.c.run_after <= now_plus(),
        )
        .order_by(jobs.c.run_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due).all()
    ids = [row.id for row in rows]
    if ids:
        connection.execute(
            sa.update(jobs)
            .where(jobs.c.id.in_(ids))
            .values(ready=True, rung_at=None, version=jobs.c.version + 1)
        )
    for job_id in ids:
        outbox.ring(connection, job_id)
    for tenant in sorted({row.tenant for row in rows}):
        tenants.mark_waiting(connection, tenant)
    return ids


def end_overdue(connection: sa.Connection, *, limit: int = BATCH) -> list[str]:
    """Fail jobs that have not started within `max_wait_seconds`; their ids."""
    overdue = connection.execute(
        sa.select(jobs.c.id, jobs.c.spec["resources"]["max_wait_seconds"].as_integer())
        .where(QUEUED, jobs.c.start_by.is_not(None), jobs.c.start_by < now_plus())
        .order_by(jobs.c.start_by)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for job_id, seconds in sorted(overdue):  # by id, as dependencies has it
        message = (
            f"the job had not started {seconds} seconds after it could have "
            "(resources.max_wait_seconds); retry it when more workers are up, or allow more"
        )
        _fail(connection, job_id, FailureClass.TIMEOUT, message)
    return [row.id for row in overdue]


def end_hopeless(connection: sa.Connection, *, limit: int = BATCH) -> list[str]:
    """Fail jobs that wait for one which failed or was cancelled; their ids."""
    waits = job_dependencies.c.job_id
    hopeless = sa.select(waits).where(job_dependencies.c.broken)
    found = connection.scalars(hopeless.distinct().order_by(waits).limit(limit)).all()
    if not found:
        return []
    in_order = sa.select(jobs.c.id).where(jobs.c.id.in_(found)).order_by(jobs.c.id)
    held = connection.scalars(in_order.with_for_update(skip_locked=True)).all()
    broken = connection.execute(
        hopeless.add_columns(sa.func.min(job_dependencies.c.needs).label("needs"))
        .where(waits.in_(held))
        .group_by(waits)
        .order_by(waits)
    ).all()
    for row in broken:
        message = f"resources.after: job {row.needs} did not succeed; retry that one, then this one"
        _fail(connection, row.job_id, FailureClass.USER_ERROR, message)
    return [row.job_id for row in broken]


def _fail(connection: sa.Connection, job_id: str, failure: FailureClass, message: str) -> None:
    lifecycle.move(
        connection,
        job_id,
        JobStatus.FAILED,
        sources={JobStatus.QUEUED},
        told=Told({"failure": failure, "message": message}),
        failure=failure,
        failure_message=message,
    )


def mark_missed(connection: sa.Connection) -> None:
    """Mark tenants that have a ready job and no mark.

    The previous release leaves none, nor does a claim beside a submit. The cost grows with the
    tenants that wait, not with their jobs.
    """
    queues = _tenants_with_ready_jobs()
    missed = connection.scalars(
        sa.select(queues.c.name)
        .outerjoin(tenant_table, tenant_table.c.name == queues.c.name)
        .where(queues.c.name.is_not(None), tenant_table.c.waiting.is_not(sa.true()))
        .order_by(queues.c.name)
    ).all()
    for name in missed:
        tenants.mark_waiting(connection, name)


def unmark_idle(connection: sa.Connection) -> None:
    """Take the mark from tenants without a ready job.

    In a transaction of its own: tenants are locked in the order of their names.
    """
    idle = _idle()
    found = sa.select(tenant_table.c.name).where(idle).order_by(tenant_table.c.name)
    for name in connection.scalars(found).all():
        # Asked again: a job may have been submitted since, which found its tenant marked.
        connection.execute(
            sa.update(tenant_table).where(tenant_table.c.name == name, idle).values(waiting=False)
        )


def _idle() -> sa.ColumnElement[bool]:
    """A marked tenant without a ready job."""
    has_job = (
        sa.select(sa.literal_column("1"))
        .where(jobs.c.tenant == tenant_table.c.name, READY)
        .order_by(NEEDS)  # as the index has them: the planner might read the table
        .limit(1)
        .correlate(tenant_table)
        .scalar_subquery()
    )
    settled = sa.or_(
        tenant_table.c.served_at.is_(None), tenant_table.c.served_at < now_plus(-SETTLED_S)
    )
    return sa.and_(tenant_table.c.waiting, settled, has_job.is_(None))


def _tenants_with_ready_jobs() -> sa.CTE:
    """Each tenant once, by one look into the index for each: a skip scan."""
    first = sa.select(sa.func.min(jobs.c.tenant).label("name")).where(READY)
    found = first.cte("found", recursive=True)
    after = (
        sa.select(sa.func.min(jobs.c.tenant))
        .where(READY, jobs.c.tenant > found.c.name)
        .correlate(found)
        .scalar_subquery()
    )
    return found.union_all(sa.select(after).where(found.c.name.is_not(None)))
