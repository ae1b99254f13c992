"""What a job's trainer printed."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from api import answers, pages
from api.auth import Reader
from api.context import Context, Shared
from api.routes.jobs import NO_JOB
from api.schemas.logs import LogChunk, LogPage
from api.words import JobId
from jobs import db, queries
from jobs.records import Event
from jobs.states import EventType

router = APIRouter(prefix="/v1/jobs", tags=["logs"])

TEXT = "text/plain"


class LogQuery(pages.PageQuery):
    tail: int | None = Field(None, ge=1, le=1000, description="Text only: the last lines.")


@router.get(
    "/{job_id}/logs",
    operation_id="list_logs",
    response_model=LogPage,
    responses={
        200: {"content": {TEXT: {"example": "epoch 1: train_loss 2.1\n"}}},
        **answers.errors(NO_JOB),
    },
)
def list_logs(
    context: Shared,
    who: Reader,
    job_id: JobId,
    request: Request,
    query: Annotated[LogQuery, Query()],
) -> Response:
    """Pages of chunks; with `Accept: text/plain` the whole log, or its `tail`."""
    with db.reading(context.engine) as connection:
        queries.standing(connection, who.tenant, job_id)
        if TEXT in request.headers.get("accept", ""):
            if query.tail is not None:
                tail = queries.log_tail(connection, job_id, chunks=query.tail)
                lines = tail.splitlines(keepends=True)[-query.tail :]
                return Response("".join(lines), media_type=TEXT)
            return StreamingResponse(_whole(context, job_id), media_type=TEXT)
        position = pages.decode(query.cursor, int)
        after = int(position[0]) if position else 0
        found = queries.list_events(
            connection, job_id, after=after, limit=query.limit + 1, only=EventType.LOG
        )
    items = found[: query.limit]
    cursor = pages.encode(items[-1].seq) if len(found) > query.limit else None
    page = LogPage.model_construct(items=[_chunk(event) for event in items], next_cursor=cursor)
    return answers.answer(page, headers=pages.next_link(request, cursor))


def _chunk(event: Event) -> LogChunk:
    return LogChunk.model_construct(
        seq=event.seq,
        attempt=event.attempt,
        created_at=event.created_at,
        text=event.data["text"],
    )


def _whole(context: Context, job_id: str) -> Iterator[str]:
    after = 0
    while True:
        with db.reading(context.engine) as connection:
            chunks = queries.list_events(
                connection, job_id, after=after, limit=pages.MOST, only=EventType.LOG
            )
        if not chunks:
            return
        after = chunks[-1].seq
        yield "".join(event.data["text"] for event in chunks)
