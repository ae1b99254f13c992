"""What a job's owner may ask for: cancel, stop, retry, delete. Asking twice is asking once."""

import sqlalchemy as sa

from jobs import (
    dependencies,
    lifecycle,
    outbox,
    queries,
    recording,
    sources,
    starts,
    tenants,
)
from jobs.dialect import insert_new, now_plus
from jobs.errors import IllegalStateChange
from jobs.recording import Entry
from jobs.records import Job
from jobs.states import EventType, JobStatus
from jobs.storage import job_prefix
from jobs.tables import doomed_prefixes, jobs


def cancel(connection: sa.Connection, tenant: str, job_id: str) -> Job:
    """Give a job up: at once while it waits, by its worker while it runs.

    Raises:
        JobNotFound: no such job.
        IllegalStateChange: it has succeeded or failed.
    """
    # Locked: a lease that runs out between these statements would let the wish miss the job.
    queries.lock_job(connection, tenant, job_id)
    ended = lifecycle.move(
        connection,
        job_id,
        JobStatus.CANCELLED,
        sources={JobStatus.QUEUED},
        cancel_requested_at=now_plus(),
    )
    job = ended or _wish(connection, job_id, jobs.c.cancel_requested_at, "cancel")
    if job is not None:
        return job
    job = queries.get_job(connection, tenant, job_id)
    if job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
        raise IllegalStateChange(f"job {job_id} has {job.status} already; it cannot be cancelled")
    return job


def stop(connection: sa.Connection, tenant: str, job_id: str) -> Job:
    """Finish a job now, with the best model so far.

    Raises:
        JobNotFound: no such job.
        IllegalStateChange: it has nothing to keep yet, or has failed or been cancelled.
    """
    job = queries.lock_job(connection, tenant, job_id)
    if job.status is JobStatus.SUCCEEDED:
        return job
    if job.status.is_final:
        raise IllegalStateChange(f"job {job_id} is {job.status}; it cannot be stopped")
    if job.status is JobStatus.QUEUED and not queries.checkpoints(connection, job_id):
        raise IllegalStateChange(
            f"job {job_id} has not trained yet, so there is no model to keep; cancel it instead"
        )
    wished = _wish(
        connection, job_id, jobs.c.stop_requested_at, "stop", {JobStatus.QUEUED, JobStatus.RUNNING}
    )
    return wished or queries.get_job(connection, tenant, job_id)


def _wish(
    connection: sa.Connection,
    job_id: str,
    column: sa.Column[object],
    wish: str,
    states: frozenset[JobStatus] | set[JobStatus] = frozenset({JobStatus.RUNNING}),
) -> Job | None:
    row = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.in_(states), column.is_(None))
        .values(
            {
                column: now_plus(),
                jobs.c.version: jobs.c.version + 1,
                jobs.c.last_event: jobs.c.last_event + 1,
            }
        )
        .returning(*lifecycle.JOB_COLUMNS)
    ).one_or_none()
    if row is None:
        return None
    job = Job(**row._mapping)
    asked = Entry(EventType.WISH, {"wish": wish})
    recording.append_events(connection, job_id, job.attempt, job.last_event, (asked,))
    return job


def retry(connection: sa.Connection, tenant: str, job_id: str) -> Job:
    """Queue a failed or cancelled job again, with all its attempts and time; it resumes.

    Raises:
        JobNotFound: no such job.
        IllegalStateChange: it has succeeded, or a job that it starts from has been deleted, or one
            that it waits for is gone or did not succeed.
        QueueFull, QuotaSpent: the tenant may not queue this job again now.
    """
    resources = queries.get_job(connection, tenant, job_id).spec["resources"]
    needed = dependencies.hold(connection, tenant, resources.get("after", ()))
    ended = queries.lock_job(connection, tenant, job_id)
    if ended.status is JobStatus.SUCCEEDED:
        raise IllegalStateChange(f"job {job_id} has succeeded; submit its spec for another run")
    if not ended.status.is_final:
        return ended
    if needed.refusals:
        raise IllegalStateChange(f"job {job_id} cannot be retried: {needed.refusals[0].detail}")
    gone = sources.hold(connection, tenant, ended.spec)
    if gone:
        raise IllegalStateChange(
            f"job {job_id} cannot be retried: {gone[0].field} names job {gone[0].job_id}, which "
            "has been deleted; submit it with another one"
        )
    tenants.check_room(connection, tenant, ended.gpus)
    job = lifecycle.move(
        connection,
        job_id,
        JobStatus.QUEUED,
        sources={JobStatus.FAILED, JobStatus.CANCELLED},
        told=lifecycle.Told({"retried": True}),
        lost_attempts=0,
        seconds_used=0.0,
        failure=None,
        failure_message=None,
        cancel_requested_at=None,
        stop_requested_at=None,
        rung_at=None,
        **starts.columns(
            resources,
            blocked_by=len(needed.unmet),
            has_started=ended.started_at is not None,
        ),
    )
    if job is None:
        return queries.get_job(connection, tenant, job_id)
    dependencies.wait_for(connection, job_id, needed.unmet)
    if job.ready:
        outbox.ring(connection, job_id)
        tenants.mark_waiting(connection, tenant)
    return job


def delete(connection: sa.Connection, tenant: str, job_id: str) -> None:
    """Delete a final job with all that belongs to it; the dispatcher frees its storage.

    Raises:
        JobNotFound: no such job.
        IllegalStateChange: it is not final, or a job that is not final needs its model.
    """
    job = queries.lock_job(connection, tenant, job_id)
    needed_by = sources.waiting_for(connection, tenant, job_id)
    if needed_by is not None:
        raise IllegalStateChange(
            f"job {job_id} cannot be deleted: job {needed_by}, which has not ended, needs its "
            "model; cancel that one, or wait for its end"
        )
    freed_bytes = tenants.stored_by(connection, job_id)
    deleted = connection.execute(
        sa.delete(jobs).where(
            jobs.c.id == job_id,
            jobs.c.tenant == tenant,
            jobs.c.status.in_([status for status in JobStatus if status.is_final]),
        )
    )
    if deleted.rowcount == 0:
        raise IllegalStateChange(f"job {job_id} is {job.status}; cancel it before deleting it")
    tenants.add_stored(connection, tenant, -freed_bytes)
    connection.execute(
        insert_new(connection, doomed_prefixes).values(
            prefix=job_prefix(job_id), created_at=now_plus()
        )
    )
