"""What a trainer printed."""

from datetime import datetime

from pydantic import BaseModel


class LogChunk(BaseModel):
    seq: int
    attempt: int
    created_at: datetime
    text: str


class LogPage(BaseModel):
    items: list[LogChunk]
    next_cursor: str | None
