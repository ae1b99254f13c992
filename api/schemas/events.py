"""What happened to a job."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from jobs.records import Event
from jobs.states import EventType


class EventView(BaseModel):
    """Something that happened to a job."""

    seq: int
    type: EventType
    attempt: int
    created_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventView":
        return cls.model_construct(
            seq=event.seq,
            type=event.type,
            attempt=event.attempt,
            created_at=event.created_at,
            data=event.data,
        )


class EventPage(BaseModel):
    items: list[EventView]
    next_cursor: str | None
