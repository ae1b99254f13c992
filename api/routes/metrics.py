"""A job's measured values, as JSON pages or as CSV."""

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api import answers, pages
from api.auth import Reader
from api.context import Shared
from api.routes.jobs import NO_JOB
from api.schemas import MetricPage
from api.words import JobId, Word
from jobs import db, queries
from jobs.records import MetricPoint

router = APIRouter(prefix="/jobs", tags=["metrics"])

CSV = "text/csv"


class MetricQuery(pages.NoQuery):
    limit: int = Field(pages.MOST_POINTS, ge=1, le=pages.MOST_POINTS)
    cursor: pages.Cursor = None
    key: list[Word] = Field([], max_length=20, examples=[["train_loss", "validation_accuracy"]])
    epoch_end: bool | None = Field(None, description="True: only values of whole epochs.")


@router.get(
    "/{job_id}/metrics",
    operation_id="list_metrics",
    response_model=MetricPage,
    responses={
        200: {"content": {CSV: {"example": "step,epoch,key,value,epoch_end\r\n"}}},
        **answers.errors(NO_JOB),
    },
)
def list_metrics(
    context: Shared,
    who: Reader,
    job_id: JobId,
    request: Request,
    query: Annotated[MetricQuery, Query()],
) -> Response:
    """Points by step and key. Where attempts overlap, the newest attempt's value."""
    position = pages.decode(query.cursor, int, str)
    with db.reading(context.engine) as connection:
        queries.get_job(connection, who.tenant, job_id)
        found = queries.list_metrics(
            connection,
            job_id,
            keys=tuple(query.key),
            after=(int(position[0]), str(position[1])) if position else None,
            epoch_end=query.epoch_end,
            limit=query.limit + 1,
        )
    items = found[: query.limit]
    more = len(found) > query.limit
    cursor = pages.encode(items[-1].step, items[-1].key) if more else None
    headers = pages.next_link(request, cursor)
    if CSV in request.headers.get("accept", ""):
        return Response(_csv(items), headers=headers, media_type=CSV)
    page = MetricPage.model_construct(items=items, next_cursor=cursor)
    return answers.answer(page, headers=headers)


def _csv(points: list[MetricPoint]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["step", "epoch", "key", "value", "epoch_end"])
    rows.writerows([p.step, p.epoch, p.key, p.value, str(p.epoch_end).lower()] for p in points)
    return text.getvalue()
