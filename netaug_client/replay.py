"""Running a finished job again from its lock, and telling where the two runs part."""

import contextlib
import enum
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netaug_client.errors import ApiError, DataChanged, NotReplayable, WaitTimedOut
from netaug_client.jobs import POLL_S, Job, Jobs
from netaug_client.models import Lock, MetricPoint

TOLERANCE = 1e-3
TAG = "replay:"
MOST_TAGS = 20
WHEN_TO_RUN = ("run_after", "after", "max_wait_seconds")  # of resources: not what is trained
TIMES = ("images_per_second", "epoch_seconds", "train_seconds", "step_seconds")
SCORES = ("test_", "control_test_")
OF_THE_MACHINE = ("platform",)  # its kernel decides nothing


class Verdict(enum.StrEnum):
    IDENTICAL = "identical"  # the same bytes of weights
    WITHIN_TOLERANCE = "within_tolerance"
    DIFFERS = "differs"


@dataclass(frozen=True)
class Change:
    """Something that was otherwise when the job first ran."""

    name: str
    then: str | None
    now: str | None


@dataclass(frozen=True)
class Gap:
    """A value that both runs measured, and that differs.

    Attributes:
        size: the difference, over the larger of 1 and both magnitudes.
    """

    key: str
    step: int
    then: float | None
    now: float | None
    size: float


@dataclass(frozen=True)
class Comparison:
    """Two runs of one lock. `first` is where they part; `largest` is how far they come apart."""

    verdict: Verdict
    compared: int
    first: Gap | None
    largest: Gap | None


def start(jobs: Jobs, job_id: str) -> tuple[Job, Lock, Job]:
    """Submit a finished job again: the job, its lock, and its replay.

    Raises:
        NotReplayable: the job has no result that a second run could reach.
    """
    original = jobs.get(job_id)
    check(original)
    lock = original.lock()
    return original, lock, jobs.submit(_spec(lock))


def check(job: Job) -> None:
    """Whether a job can be replayed.

    Raises:
        NotReplayable: it has no result that a second run could reach.
    """
    if job.status != "succeeded":
        raise NotReplayable(
            f"job {job.id} is {job.status}: a replay is compared with a result; "
            "name a job that has succeeded"
        )
    if (job.details.result or {}).get("stopped_early"):
        raise NotReplayable(
            f"job {job.id} was stopped early, at a moment that no other run shares; "
            "name a job that ran to its end"
        )


def _spec(lock: Lock) -> dict[str, Any]:
    """What was submitted, tagged as a replay, to run now."""
    spec = dict(lock.spec)
    kept = [tag for tag in spec.get("tags", ()) if not tag.startswith(TAG)]
    resources = spec.get("resources", {})
    return {
        **spec,
        "tags": [*kept[: MOST_TAGS - 1], f"{TAG}{lock.job_id}"],
        "resources": {name: v for name, v in resources.items() if name not in WHEN_TO_RUN},
    }


def began(replay: Job, then: Lock, *, force: bool, timeout: float | None = None) -> list[Change]:
    """Wait until the replay's trainer is ready; what is otherwise than it was.

    Raises:
        DataChanged: the data are not the same, and it was not forced; the replay is given up.
        WaitTimedOut: it has not begun after `timeout` seconds.
    """
    now = _ready(replay, timeout)
    if now.environment is None:  # it ended before; its failure tells why
        return []
    if now.dataset_digest != then.dataset_digest and not force:
        with contextlib.suppress(ApiError):  # it may be over by now
            replay.cancel()
        raise DataChanged(
            f"data.dataset: {then.dataset} has changed: its digest was {then.dataset_digest}, now "
            f"it is {now.dataset_digest}; restore the data, or say --force. The replay "
            f"{replay.id} is given up"
        )
    return changes(then, now)


def _ready(replay: Job, timeout: float | None) -> Lock:
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        is_final = replay.refresh().details.is_final
        lock = replay.lock()
        if is_final or lock.environment is not None:
            return lock
        if until is not None and time.monotonic() >= until:
            raise WaitTimedOut(f"replay {replay.id} has not begun yet; it goes on")
        time.sleep(POLL_S)


def changes(then: Lock, now: Lock) -> list[Change]:
    """What of data, models, device, threads and versions is otherwise; unknown is None."""
    before, after = _facts(then), _facts(now)
    names = [*before, *(name for name in after if name not in before)]
    return [
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _facts(lock: Lock) -> dict[str, str]:
    facts: dict[str, Any] = {"dataset_digest": lock.dataset_digest}
    facts |= {one.field: one.sha256 for one in lock.inputs}
    facts |= {k: v for k, v in (lock.environment or {}).items() if k not in OF_THE_MACHINE}
    return {name: str(value) for name, value in facts.items() if value is not None}


def compare(original: Job, replay: Job, tolerance: float = TOLERANCE) -> Comparison:
    """Compare two jobs that have succeeded: their weights, then all that both measured."""
    digest = original.lock().model_sha256
    same_weights = digest is not None and digest == replay.lock().model_sha256
    gaps = list(gaps_of(_measured(original), _measured(replay)))
    return judge(gaps, same_weights=same_weights, tolerance=tolerance)


def judge(gaps: Sequence[Gap], *, same_weights: bool, tolerance: float) -> Comparison:
    """What follows from the differences, which are in the order of their steps."""
    differing = [gap for gap in gaps if gap.size > 0]
    largest = max(differing, key=lambda gap: gap.size, default=None)
    if same_weights:
        verdict = Verdict.IDENTICAL
    elif gaps and (largest is None or largest.size <= tolerance):
        verdict = Verdict.WITHIN_TOLERANCE
    else:
        verdict = Verdict.DIFFERS
    return Comparison(verdict, len(gaps), differing[0] if differing else None, largest)


def _measured(job: Job) -> list[MetricPoint]:
    """The history of a job, and the scores of its result as a last step; no times."""
    points = [point for point in job.metrics() if point.key.rpartition("/")[2] not in TIMES]
    last = max((point.step for point in points), default=0)
    scores = _scores(job.details.result or {})
    return [
        *points,
        *(
            MetricPoint(key=key, step=last, epoch=0, value=value, epoch_end=True)
            for key, value in scores
        ),
    ]


def _scores(result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in result.items():
        if key.startswith(SCORES) and isinstance(value, float | int):
            yield key, float(value)


def gaps_of(then: Iterable[MetricPoint], now: Iterable[MetricPoint]) -> Iterator[Gap]:
    """Each value that both measured, by step. Within an epoch they are measured by the clock."""
    after = {(point.step, point.key): point.value for point in now}
    for point in sorted(then, key=lambda point: (point.step, point.key)):
        place = (point.step, point.key)
        if place in after:
            size = _distance(point.value, after[place])
            yield Gap(point.key, point.step, point.value, after[place], size)


def _distance(then: float | None, now: float | None) -> float:
    if then is None or now is None:  # not a finite number
        return 0.0 if then is now else math.inf
    return abs(then - now) / max(1.0, abs(then), abs(now))
