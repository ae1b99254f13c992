"""What a job's lost attempts cost, and whether its result is that of an undisturbed run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.records import Attempt, Job, Json
from jobs.states import AttemptOutcome, JobStatus

# What decides the bits of a training on the CPU, of what a trainer tells of itself.
DECISIVE = (
    *("device", "device_name", "num_devices", "threads", "cpu_capability", "code", "libc"),
    *("python_version", "torch_version", "torchvision_version", "numpy_version"),
    *("pillow_version", "simplejpeg_version"),
)


@dataclass(frozen=True)
class WrittenCheckpoint:
    """That an attempt wrote a checkpoint at a step, and when it was stored."""

    attempt: int
    step: int
    created_at: datetime


@dataclass(frozen=True)
class Loss:
    """What of an attempt the job did not keep.

    Attributes:
        steps: trained, but after the checkpoint from which the job went on.
        seconds: of the attempt since that checkpoint was stored, until its end was noticed.
    """

    steps: int
    seconds: float


@dataclass(frozen=True)
class Receipt:
    """A job's attempts, summed up.

    Attributes:
        equals_undisturbed: True if the result is, bit for bit, that of a run that nothing
            disturbed; None where that cannot be said.
        statement: why.
    """

    attempts: int
    lost_steps: int
    lost_seconds: float
    equals_undisturbed: bool | None
    statement: str


def losses(
    attempts: Sequence[Attempt], written: Sequence[WrittenCheckpoint]
) -> dict[int, Loss | None]:
    """What each attempt lost; None until a later one, or its success, has shown it.

    Args:
        attempts: all of a job's, the first one first.
        written: at least the checkpoints from which attempts went on.
    """
    stored = {(one.attempt, one.step): one.created_at for one in written}
    return {
        attempt.attempt: _loss(attempt, kept, stored)
        for attempt, kept in zip(attempts, _kept(attempts), strict=True)
    }


def _kept(attempts: Sequence[Attempt]) -> list[int | None]:
    """Up to which step the work of each attempt was kept: the least step of a later beginning."""
    kept: list[int | None] = []
    least: int | None = None
    for attempt in reversed(attempts):
        kept.append(least)
        begins = [step for step in (least, attempt.from_step) if step is not None]
        least = min(begins, default=None)
    return kept[::-1]


def _loss(
    attempt: Attempt, kept: int | None, stored: dict[tuple[int, int], datetime]
) -> Loss | None:
    if kept is None or attempt.ended_at is None:
        return Loss(0, 0.0) if attempt.outcome is AttemptOutcome.SUCCEEDED else None
    # A checkpoint of an earlier attempt: nothing of this one was kept.
    since = stored.get((attempt.attempt, kept), attempt.started_at)
    seconds = max(0.0, (attempt.ended_at - since).total_seconds())
    if attempt.from_step is None or attempt.last_step is None:
        return Loss(0, seconds)
    return Loss(max(0, attempt.last_step - max(kept, attempt.from_step)), seconds)


def receipt(job: Job, attempts: Sequence[Attempt], lost: dict[int, Loss | None]) -> Receipt | None:
    """The sums, and what can be said of the result; None for a job that has not run yet."""
    if not attempts:
        return None
    known = [loss for loss in lost.values() if loss is not None]
    equal, statement = _compared(job, attempts)
    return Receipt(
        attempts=len(attempts),
        lost_steps=sum(loss.steps for loss in known),
        lost_seconds=round(sum(loss.seconds for loss in known), 3),
        equals_undisturbed=equal,
        statement=statement,
    )


def _compared(job: Job, attempts: Sequence[Attempt]) -> tuple[bool | None, str]:
    if job.status is not JobStatus.SUCCEEDED:
        return None, "there is no result to compare"
    if (job.result or {}).get("stopped_early"):
        return None, "it was stopped at a moment that no other run shares"
    ran = _contributors(attempts)
    if len(ran) < 2:  # one alone was not resumed
        return True, "every step of the result was made by one attempt, from the first on"
    return _same_bits(ran)


def _contributors(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts of whose steps the result consists; the last has succeeded."""
    return [
        attempt
        for attempt, kept in zip(attempts, _kept(attempts), strict=True)
        if kept is None or (attempt.from_step is not None and attempt.from_step < kept)
    ]


def _same_bits(ran: Sequence[Attempt]) -> tuple[bool | None, str]:
    numbers = " and ".join(str(attempt.attempt) for attempt in ran)
    environments = [attempt.environment or {} for attempt in ran]
    devices = sorted({str(environment.get("device")) for environment in environments})
    if devices != ["cpu"]:
        where = " and ".join(devices)
        return None, f"attempts {numbers} ran on {where}: equal bits are promised on the CPU only"
    different = differences(environments)
    if different:
        return None, f"attempts {numbers} differ in {', '.join(different)}: it cannot be said"
    return True, f"attempts {numbers} ran on a CPU with the same threads, versions and code"


def differences(environments: Sequence[Json]) -> list[str]:
    """What decides the bits and is not the same in all of them, or not known of one."""
    found = []
    for name in DECISIVE:
        values = [environment.get(name) for environment in environments]
        if None in values or len(set(values)) > 1:
            told = ", ".join("not recorded" if value is None else str(value) for value in values)
            found.append(f"{name} ({told})")
    return found
