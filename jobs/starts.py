"""From when a queued job may start, and by when it must have started."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from jobs.dialect import UtcDateTime, now_plus
from jobs.records import Json

ASKS_FOR = ("run_after", "max_wait_seconds", "after")


def asks_for_any(resources: Json) -> bool:
    """Whether a job asks for anything but to start as soon as it can."""
    return any(resources.get(name) for name in ASKS_FOR)


def columns(resources: Json, *, blocked_by: int, has_started: bool) -> dict[str, Any]:
    """What a stored spec's `resources` mean for the columns of a job that is queued now.

    The longest wait counts from `run_after` where that is later than now, and only until the first
    start.
    """
    text = resources.get("run_after")
    after = datetime.fromisoformat(text) if text else None
    longest = None if has_started else resources.get("max_wait_seconds")
    return {
        "run_after": now_plus() if after is None else after,
        "ready": blocked_by == 0 and (True if after is None else _moment(after) <= now_plus()),
        "blocked_by": blocked_by,
        "start_by": None if longest is None else _start_by(after, longest),
    }


def _moment(when: datetime) -> sa.ColumnElement[datetime]:
    return sa.literal(when, UtcDateTime())


def _start_by(after: datetime | None, seconds: int) -> sa.ColumnElement[datetime]:
    if after is None:
        return now_plus(seconds)
    later = _moment(after + timedelta(seconds=seconds))
    return sa.case((_moment(after) > now_plus(), later), else_=now_plus(seconds))
