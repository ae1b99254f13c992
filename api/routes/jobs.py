"""Jobs: submit, list, look at, cancel, stop, retry, delete."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from api import answers, pages, problems
from api.auth import JobSubmitter, Reader, Submitter
from api.body import JsonBody
from api.context import Context, Shared
from api.examples import SPECS
from api.moments import Moment
from api.schemas.jobs import (
    AttemptView,
    CostView,
    DryRun,
    FailureView,
    JobPage,
    JobView,
    ReceiptView,
)
from api.words import JobId, Word
from jobs import admission, db, errors, queries, receipts, submission, wishes
from jobs import outlook as outlooks
from jobs.idempotency import IdempotencyKey
from jobs.keys import Principal
from jobs.outlook import Outlook
from jobs.queries import JobFilter
from jobs.receipts import Loss
from jobs.records import Attempt, Job
from jobs.states import JobStatus
from netaug_core.spec import JobSpec

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_AFTER_S = {JobStatus.QUEUED: "2", JobStatus.RUNNING: "1"}
NO_JOB = problems.DOMAIN[errors.JobNotFound]
CONFLICT = problems.DOMAIN[errors.IllegalStateChange]
SPEC_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/JobSpec"},
                "examples": SPECS,
            }
        },
    }
}


Wish = Callable[[Connection, str, str], Job]


@dataclass(frozen=True)
class History:
    """A job's attempts, and what each lost."""

    attempts: list[Attempt]
    losses: dict[int, Loss | None]


NO_HISTORY = History([], {})


class SubmitQuery(pages.NoQuery):
    dry_run: bool = Field(False, description="Check the spec and tell its cost; store nothing.")


class ListQuery(pages.PageQuery):
    status: list[JobStatus] = Field([], max_length=5)
    tag: list[Word] = Field([], max_length=10, description="Jobs that have all of these.")
    name: Word | None = None
    created_after: Moment | None = None


@router.post(
    "",
    operation_id="create_job",
    status_code=202,
    response_model=JobView,
    openapi_extra=SPEC_BODY,
    responses={
        200: {"model": DryRun, "description": "dry_run: the spec is accepted."},
        **answers.errors(
            problems.MALFORMED,
            problems.TOO_LARGE,
            problems.MEDIA,
            problems.DOMAIN[errors.SpecRefused],
            problems.DOMAIN[errors.IdempotencyMismatch],
            problems.DOMAIN[errors.QuotaSpent],
            problems.DOMAIN[errors.QueueFull],
        ),
    },
)
def create_job(
    context: Shared,
    who: JobSubmitter,
    body: JsonBody,
    query: Annotated[SubmitQuery, Query()],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Response:
    """Submit a training job. Send an `Idempotency-Key`, and a repeated submit makes one job."""
    spec = JobSpec.model_validate_json(body)
    roots = context.settings.data_roots
    if query.dry_run:
        with db.reading(context.engine) as connection:
            admitted = admission.admit(connection, spec, roots, tenant=who.tenant)
        cost = CostView(**admitted.cost_facts())
        return answers.answer(DryRun(spec=spec.model_dump(mode="json"), cost=cost))
    key = None
    if idempotency_key is not None:
        key = IdempotencyKey(idempotency_key, hashlib.sha256(body).hexdigest())
    with db.writing(context.engine) as connection:
        submitted = submission.submit(
            connection, spec, roots, tenant=who.tenant, idempotency_key=key
        )
    headers = {"Idempotent-Replayed": "true"} if submitted.replayed else {}
    return _accepted(submitted.job, headers)


def _accepted(job: Job, headers: dict[str, str] | None = None) -> Response:
    """202: the job as it is now; what was asked for goes on."""
    given = {"Location": f"/v1/jobs/{job.id}", **_polling(job), **(headers or {})}
    return answers.answer(_view(job, NO_HISTORY, outlooks.NOTHING, None), 202, given)


def _polling(job: Job) -> dict[str, str]:
    after = POLL_AFTER_S.get(job.status)
    return {} if after is None else {"Retry-After": after}


def _view(job: Job, history: History, outlook: Outlook, log_tail: str | None) -> JobView:
    failure = None
    if job.failure is not None:
        failure = FailureView.model_construct(
            failure_class=job.failure, message=job.failure_message or "", log_tail=log_tail
        )
    summed = receipts.receipt(job, history.attempts, history.losses)
    return JobView.model_construct(
        id=job.id,
        name=job.name,
        tags=job.tags,
        status=job.status,
        model=job.spec["model"]["name"],
        dataset=job.dataset,
        attempt=job.attempt,
        progress=job.progress,
        result=job.result,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        spec=job.spec,
        cost=CostView.model_construct(**job.cost),
        dataset_digest=job.dataset_digest,
        max_attempts=job.max_attempts,
        lost_attempts=job.lost_attempts,
        cancel_requested_at=job.cancel_requested_at,
        stop_requested_at=job.stop_requested_at,
        queue_position=outlook.position,
        estimated_start_at=outlook.estimated_start_at,
        waits_for=outlook.waits_for,
        seconds_used=job.seconds_used,
        failure=failure,
        attempts=[AttemptView.of(one, history.losses[one.attempt]) for one in history.attempts],
        receipt=None if summed is None else ReceiptView.of(summed),
    )


@router.get("", operation_id="list_jobs", response_model=JobPage, responses=answers.errors())
def list_jobs(
    context: Shared, who: Reader, request: Request, query: Annotated[ListQuery, Query()]
) -> Response:
    """Your jobs, the newest first."""
    position = pages.decode(query.cursor, str)
    with db.reading(context.engine) as connection:
        found = queries.list_jobs(connection, who.tenant, _filter(query, position))
    items, more = found[: query.limit], len(found) > query.limit
    cursor = pages.encode(items[-1].id) if more else None
    page = JobPage.model_construct(items=items, next_cursor=cursor)
    return answers.answer(page, headers=pages.next_link(request, cursor))


def _filter(query: ListQuery, position: list[int | str] | None) -> JobFilter:
    return JobFilter(
        statuses=tuple(query.status),
        tags=tuple(query.tag),
        name=query.name,
        created_after=query.created_after,
        before=str(position[0]) if position else None,
        limit=query.limit + 1,  # one more tells whether there is a next page
    )


@router.get(
    "/{job_id}",
    operation_id="get_job",
    response_model=JobView,
    responses={304: {"description": "Not changed."}, **answers.errors(NO_JOB)},
)
def get_job(
    context: Shared,
    who: Reader,
    job_id: JobId,
    request: Request,
    _query: Annotated[pages.NoQuery, Query()],
) -> Response:
    """One job with its attempts. `ETag` and `If-None-Match` make polling cheap."""
    with db.reading(context.engine) as connection:
        job = queries.get_job(connection, who.tenant, job_id)
        outlook = outlooks.of(connection, job)
        etag = f'"{job.version}{_seen(outlook)}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", **_polling(job)}
        if answers.matches(request, etag):
            return Response(status_code=304, headers=headers)
        history = _history(connection, job_id) if job.attempt else NO_HISTORY
        tail = queries.log_tail(connection, job_id) if job.failure is not None else None
    return answers.answer(_view(job, history, outlook, tail), headers=headers)


def _seen(outlook: Outlook) -> str:
    """What changes of a queued job although nothing of the job itself does."""
    if outlook == outlooks.NOTHING:
        return ""
    return "-" + hashlib.sha256(repr(outlook).encode()).hexdigest()[:16]


def _history(connection: Connection, job_id: str) -> History:
    attempts = queries.list_attempts(connection, job_id)
    begun = [one.from_step for one in attempts[1:] if one.from_step]
    written = queries.written_checkpoints(connection, job_id, begun) if begun else []
    return History(attempts, receipts.losses(attempts, written))


def _wish(context: Context, who: Principal, job_id: str, wish: Wish) -> Response:
    with db.writing(context.engine) as connection:
        return _accepted(wish(connection, who.tenant, job_id))


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    status_code=202,
    response_model=JobView,
    responses=answers.errors(NO_JOB, CONFLICT),
)
def cancel_job(
    context: Shared, who: Submitter, job_id: JobId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Give a job up. It keeps its newest checkpoint: a retry goes on from there."""
    return _wish(context, who, job_id, wishes.cancel)


@router.post(
    "/{job_id}/stop",
    operation_id="stop_job",
    status_code=202,
    response_model=JobView,
    responses=answers.errors(NO_JOB, CONFLICT),
)
def stop_job(
    context: Shared, who: Submitter, job_id: JobId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Finish a job now, with the best model so far."""
    return _wish(context, who, job_id, wishes.stop)


@router.post(
    "/{job_id}/retry",
    operation_id="retry_job",
    status_code=202,
    response_model=JobView,
    responses=answers.errors(
        NO_JOB,
        CONFLICT,
        problems.DOMAIN[errors.QuotaSpent],
        problems.DOMAIN[errors.QueueFull],
    ),
)
def retry_job(
    context: Shared, who: Submitter, job_id: JobId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Queue a failed or cancelled job again; it resumes from its newest checkpoint."""
    return _wish(context, who, job_id, wishes.retry)


@router.delete(
    "/{job_id}",
    operation_id="delete_job",
    status_code=204,
    responses=answers.errors(NO_JOB, CONFLICT),
)
def delete_job(
    context: Shared, who: Submitter, job_id: JobId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Delete a job that has ended, with its files."""
    with db.writing(context.engine) as connection:
        wishes.delete(connection, who.tenant, job_id)
    return Response(status_code=204)
