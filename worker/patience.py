"""Trying again what an object store that is away refused."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

import structlog

from jobs.errors import NoSpace, StorageUnavailable

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
Result = TypeVar("Result")


def patiently(work: Callable[[], Result], *, seconds: float, given_up: Event) -> Result:
    """Do it; again, with growing pauses, while the store is away, for so many seconds.

    Raises:
        NoSpace: at once: waiting frees nothing.
        StorageUnavailable: of the last try, when the seconds are over or `given_up` is set.
    """
    deadline = time.monotonic() + seconds
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return work()
        except NoSpace:
            raise
        except StorageUnavailable as error:
            if time.monotonic() + pause_s > deadline or given_up.wait(pause_s):
                raise
            log.warning("storage_tried_again", reason=str(error)[:500])
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
