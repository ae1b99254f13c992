"""A wall clock that is wrong: what a machine without NTP, or after a step of it, tells Python."""

import datetime as datetimes
import time
from typing import Any, Self


def skew(seconds: float) -> None:
    """Shift this process's wall clock. Call it before anything else is imported."""
    true_time, true_datetime = time.time, datetimes.datetime

    class AnyDatetime(type(true_datetime)):  # type: ignore[misc]  # its metaclass is `type`
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, true_datetime)

    class Skewed(true_datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: datetimes.tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Self:
            return cls.fromtimestamp(time.time(), datetimes.UTC).replace(tzinfo=None)

    def skewed_time() -> float:
        return true_time() + seconds

    replaced: dict[Any, tuple[str, Any]] = {time: ("time", skewed_time)}
    replaced[datetimes] = ("datetime", Skewed)
    for module, (name, value) in replaced.items():
        setattr(module, name, value)
