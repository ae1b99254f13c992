"""A job's measured values, as JSON pages or as CSV."""

import csv
import io
from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator
from sqlalchemy import Connection

from api import answers, pages
from api.auth import Reader
from api.context import Shared
from api.routes.jobs import NO_JOB
from api.schemas.metrics import MetricPage
from api.words import JobId, Word
from jobs import db, history, queries
from jobs.records import MetricPoint

router = APIRouter(prefix="/v1/jobs", tags=["metrics"])

CSV = "text/csv"


MOST_SAMPLED = 2000


class MetricQuery(pages.NoQuery):
    limit: int = Field(pages.MOST_POINTS, ge=1, le=pages.MOST_POINTS)
    cursor: pages.Cursor = None
    key: list[Word] = Field([], max_length=20, examples=[["train_loss", "validation_accuracy"]])
    epoch_end: bool | None = Field(None, description="True: only values of whole epochs.")
    max_points: int | None = Field(
        None,
        ge=2,
        le=MOST_SAMPLED,
        description="The whole history in at most so many points of each key, in one page: of "
        "each stretch of steps the smallest and the largest value. Without `limit` and `cursor`.",
    )

    @model_validator(mode="after")
    def _one_page_is_all(self) -> Self:
        if self.max_points is not None and self.model_fields_set & {"limit", "cursor"}:
            raise ValueError(
                f"max_points: {self.max_points} points come in one page; leave limit and cursor out"
            )
        return self


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
    with db.reading(context.engine) as connection:
        queries.standing(connection, who.tenant, job_id)
        items, cursor = _points(connection, job_id, query)
    headers = pages.next_link(request, cursor)
    if CSV in request.headers.get("accept", ""):
        return Response(_csv(items), headers=headers, media_type=CSV)
    page = MetricPage.model_construct(items=items, next_cursor=cursor)
    return answers.answer(page, headers=headers)


def _points(
    connection: Connection, job_id: str, query: MetricQuery
) -> tuple[list[MetricPoint], str | None]:
    """The points of this page, and the cursor of the next."""
    keys = tuple(query.key)
    if query.max_points is not None:
        sampled = history.sample(
            connection, job_id, max_points=query.max_points, keys=keys, epoch_end=query.epoch_end
        )
        return sampled, None
    position = pages.decode(query.cursor, int, str)
    found = queries.list_metrics(
        connection,
        job_id,
        keys=keys,
        after=(int(position[0]), str(position[1])) if position else None,
        epoch_end=query.epoch_end,
        limit=query.limit + 1,
    )
    items, more = found[: query.limit], len(found) > query.limit
    return items, pages.encode(items[-1].step, items[-1].key) if more else None


def _csv(points: list[MetricPoint]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["step", "epoch", "key", "value", "epoch_end"])
    rows.writerows([p.step, p.epoch, p.key, p.value, str(p.epoch_end).lower()] for p in points)
    return text.getvalue()
