"""Workers, for operators: who is up, what runs there, and the wish to pause or to drain one."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages, problems
from api.auth import Admin
from api.context import Context, Shared
from api.schemas.workers import WorkerList, WorkerView
from api.words import Word
from jobs import db, errors, processes
from jobs.keys import Principal
from jobs.states import WorkerWish

router = APIRouter(prefix="/v1/workers", tags=["workers"])

NOT_FOUND = answers.errors(problems.DOMAIN[errors.WorkerNotFound])


@router.get("", operation_id="list_workers", response_model=WorkerList, responses=answers.errors())
def list_workers(
    context: Shared, who: Admin, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """The live workers, by name. Of their jobs, yours are named and all are counted."""
    with db.reading(context.engine) as connection:
        found = processes.list_workers(connection)
    items = [WorkerView.of(worker, tenant=who.tenant) for worker in found]
    return answers.answer(WorkerList(items=items))


@router.post(
    "/{name}/pause",
    operation_id="pause_worker",
    status_code=202,
    response_model=WorkerView,
    responses=NOT_FOUND,
)
def pause_worker(
    context: Shared, who: Admin, name: Word, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """It starts no more jobs from now on; those that run go on."""
    return _ask(context, who, name, WorkerWish.PAUSE)


@router.post(
    "/{name}/drain",
    operation_id="drain_worker",
    status_code=202,
    response_model=WorkerView,
    responses=NOT_FOUND,
)
def drain_worker(
    context: Shared, who: Admin, name: Word, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """As pause, and its jobs write a checkpoint and go back into the queue, not charged."""
    return _ask(context, who, name, WorkerWish.DRAIN)


@router.post(
    "/{name}/resume",
    operation_id="resume_worker",
    status_code=202,
    response_model=WorkerView,
    responses=NOT_FOUND,
)
def resume_worker(
    context: Shared, who: Admin, name: Word, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """It takes jobs again, within five seconds."""
    return _ask(context, who, name, None)


def _ask(context: Context, who: Principal, name: str, wish: WorkerWish | None) -> Response:
    with db.writing(context.engine) as connection:
        worker = processes.wish(connection, name, wish)
    return answers.answer(WorkerView.of(worker, tenant=who.tenant), 202)
