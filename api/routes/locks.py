"""What decided a job's weights, to run it again: spec, data, seed, versions, device."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages
from api.auth import Reader
from api.context import Shared
from api.routes.jobs import NO_JOB
from api.schemas.locks import LockView
from api.words import JobId
from jobs import db, queries, sources

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/lock",
    operation_id="get_lock",
    response_model=LockView,
    responses=answers.errors(NO_JOB),
)
def get_lock(
    context: Shared, who: Reader, job_id: JobId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """What a job needs to be run again, and the digest of the model that should come out."""
    with db.reading(context.engine) as connection:
        job = queries.get_job(connection, who.tenant, job_id)
        attempts = queries.list_attempts(connection, job_id)
        inputs = sources.models(connection, who.tenant, job.spec)
        files = queries.list_artifacts(connection, job_id)
    return answers.answer(LockView.of(job, attempts, inputs, files))
