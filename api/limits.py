"""What one tenant may ask of this process at once: nobody's flood keeps the others waiting.

Only the event loop's thread counts here.
"""

import enum
import math
import time
from collections import Counter

from starlette.types import Scope

from api.problems import TOO_MANY, ApiProblem
from jobs.settings import Settings

BURST_S = 10.0  # a tenant that was quiet may submit this many seconds' worth at once
PLACE = "netaug.place"  # where a request's scope keeps what it counts as


class Lane(enum.Enum):
    """Writes have half of a tenant's places, so that its reads always find one."""

    READ = "requests"
    WRITE = "requests that change something"
    STREAM = "event streams"


class Limits:
    """Of one process: how many requests and streams are in progress, and how fast jobs come."""

    def __init__(self, settings: Settings) -> None:
        self._most = {
            Lane.READ: settings.tenant_requests_at_once,
            Lane.WRITE: max(1, settings.tenant_requests_at_once // 2),
            Lane.STREAM: settings.tenant_streams_at_once,
        }
        self._most_streams = settings.streams_at_once
        self._held: Counter[tuple[str, Lane]] = Counter()
        self._submits = Pace(settings.submits_per_second)
        self.num_streams = 0

    def enter(self, scope: Scope, tenant: str, lane: Lane) -> None:
        """Count this request, until it `leave`s; a stream gives back its place as a request.

        Raises:
            ApiProblem: the tenant, or this process, has as many as it may.
        """
        self.leave(scope)
        most = self._most[lane]
        if self._held[tenant, lane] >= most:
            raise _too_many(f"{most} {lane.value} of one tenant may be in progress", 1)
        if lane is Lane.STREAM and self.num_streams >= self._most_streams:
            raise _too_many(f"{self._most_streams} {lane.value} may be open on this server", 5)
        self._held[tenant, lane] += 1
        self.num_streams += lane is Lane.STREAM
        scope[PLACE] = (tenant, lane)

    def leave(self, scope: Scope) -> None:
        """The request is over."""
        place = scope.pop(PLACE, None)
        if place is None:
            return
        self._held[place] -= 1
        self.num_streams -= place[1] is Lane.STREAM
        if not self._held[place]:
            del self._held[place]

    def submit(self, tenant: str) -> None:
        """Count one submit.

        Raises:
            ApiProblem: the tenant's last submits came too fast.
        """
        wait_s = self._submits.take(tenant, now=time.monotonic())
        if wait_s > 0:
            pace = f"{self._submits.per_second:g} submits a second of one tenant are accepted"
            raise _too_many(pace, math.ceil(wait_s))


class Pace:
    """A steady rate for each tenant, and bursts after quiet times. 0 a second: no limit."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._used_up_to: dict[str, float] = {}

    def take(self, tenant: str, *, now: float) -> float:
        """Seconds to wait before the next try; 0: this one counts."""
        if not self.per_second:
            return 0.0
        used = max(now, self._used_up_to.get(tenant, now))
        wait_s = used + 1 / self.per_second - now - BURST_S
        if wait_s > 0:
            return wait_s
        self._used_up_to[tenant] = used + 1 / self.per_second
        return 0.0


def _too_many(fact: str, retry_after_s: int) -> ApiProblem:
    return ApiProblem(
        TOO_MANY,
        f"{fact}; send this again after Retry-After seconds, with the same Idempotency-Key",
        headers={"Retry-After": str(retry_after_s)},
    )
