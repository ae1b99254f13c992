"""What a job measured."""

from pydantic import BaseModel

from jobs.records import MetricPoint


class MetricPage(BaseModel):
    items: list[MetricPoint]  # the records as they are: a page has a thousand
    next_cursor: str | None
