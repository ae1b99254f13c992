"""A job's events: pages of JSON, or a stream that goes on until the job is done."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field

from api import answers, auth, pages, streams
from api.auth import Reader
from api.context import Context, Shared
from api.limits import Lane
from api.problems import INVALID, ApiProblem
from api.routes.jobs import NO_JOB
from api.schemas.events import EventPage, EventView
from api.words import JobId
from jobs import db, queries
from jobs.records import Event
from jobs.states import EventType

router = APIRouter(prefix="/v1/jobs", tags=["events"])

EVENT_STREAM = "text/event-stream"
MOST_EVENTS = 2**31 - 1  # as the column is wide
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
STREAM_EXAMPLE = (
    'id: 2\nevent: state\ndata: {"seq":2,"type":"state","attempt":1,'
    '"created_at":"2026-01-31T12:00:00Z","data":{"status":"running"}}\n\n'
)


class EventQuery(pages.PageQuery):
    after: int | None = Field(
        None, ge=0, le=MOST_EVENTS, description="Events after this sequence number."
    )
    type: EventType | None = Field(None, description="JSON pages only.")


@router.get(
    "/{job_id}/events",
    operation_id="list_events",
    response_model=EventPage,
    responses={
        200: {
            "description": "A page, or with `Accept: text/event-stream` a stream: `id` is the "
            "event's sequence number, `event` its type; resumes after `Last-Event-ID`; a comment "
            "every 15 seconds; ends after `done`.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}},
        },
        **answers.errors(NO_JOB),
    },
)
async def list_events(
    context: Shared,
    who: Reader,
    job_id: JobId,
    request: Request,
    query: Annotated[EventQuery, Query()],
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """What happened to a job, in order."""
    if EVENT_STREAM not in request.headers.get("accept", ""):
        return await run_in_threadpool(_page, context, who.tenant, job_id, query, request)
    after = _resume_after(query.after, last_event_id)
    context.limits.enter(request.scope, who.tenant, Lane.STREAM)
    # An unknown job is a 404, not an empty stream.
    await run_in_threadpool(_news, context, who.tenant, job_id, after)

    async def fetch(seen: int) -> tuple[list[Event], bool]:
        await auth.identify(request)  # a key that was revoked ends its streams
        return await run_in_threadpool(_news, context, who.tenant, job_id, seen)

    return StreamingResponse(
        streams.follow(context.hub, job_id, after, fetch),
        media_type=EVENT_STREAM,
        headers=STREAM_HEADERS,
    )


def _resume_after(after: int | None, last_event_id: str | None) -> int:
    if last_event_id is None:
        return after or 0
    if not last_event_id.isdecimal():
        detail = f"Last-Event-ID: send the last `id` seen, a number; got {last_event_id!r}"
        raise ApiProblem(INVALID, detail)
    return min(int(last_event_id), MOST_EVENTS)


def _news(context: Context, tenant: str, job_id: str, after: int) -> tuple[list[Event], bool]:
    with db.reading(context.engine) as connection:
        job = queries.standing(connection, tenant, job_id)
        events = queries.list_events(connection, job_id, after=after, limit=streams.BATCH)
    newest = events[-1].seq if events else after
    return events, job.status.is_final and newest >= job.last_event


def _page(
    context: Context, tenant: str, job_id: str, query: EventQuery, request: Request
) -> Response:
    position = pages.decode(query.cursor, int)
    after = int(position[0]) if position else query.after or 0
    with db.reading(context.engine) as connection:
        queries.standing(connection, tenant, job_id)
        found = queries.list_events(
            connection, job_id, after=after, limit=query.limit + 1, only=query.type
        )
    items = found[: query.limit]
    cursor = pages.encode(items[-1].seq) if len(found) > query.limit else None
    page = EventPage.model_construct(
        items=[EventView.of(event) for event in items], next_cursor=cursor
    )
    return answers.answer(page, headers=pages.next_link(request, cursor))
