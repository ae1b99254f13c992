"""Row 1: kill -9 of the trainer, its guard, the worker, or all of them: the job resumes."""

import contextlib
import signal
from collections.abc import Callable

import psutil
import pytest

from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("each_start")]

GONE_S = 30.0


def trainer(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if not is_guard(p)]


def guard(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if is_guard(p)]


def worker(_family: list[psutil.Process]) -> list[psutil.Process]:
    return []


def whole_family(family: list[psutil.Process]) -> list[psutil.Process]:
    return family


def is_guard(process: psutil.Process) -> bool:
    return any("guard.py" in part for part in process.cmdline())


@pytest.mark.parametrize(
    ("victims", "with_worker"),
    [(trainer, False), (guard, False), (worker, True), (whole_family, True)],
)
def test_a_killed_job_resumes_and_nothing_of_it_is_left(
    installation: Installation,
    victims: Callable[[list[psutil.Process]], list[psutil.Process]],
    with_worker: bool,
) -> None:
    installation.start("dispatcher")
    first = installation.start("worker")
    spec = chain_spec(epochs=4, step_ms=30) | {"tags": ["step_ms=30", "grandchild"]}
    job_id = installation.submit_directly(spec)
    installation.until(lambda: installation.checkpointed(job_id) >= 10, "a checkpoint is stored")
    family = installation.family(first)
    chosen = victims(family)
    if with_worker:
        first.send_signal(signal.SIGKILL)
        first.wait()
        installation.start("worker")
    for victim in chosen:
        with contextlib.suppress(psutil.NoSuchProcess):  # its guard was quicker
            victim.kill()
    installation.until_final(job_id)

    assert installation.job(job_id).status is JobStatus.SUCCEEDED
    lost, second = installation.attempts(job_id)
    assert (lost.outcome, second.outcome) == (AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED)
    assert second.from_step is not None
    assert second.from_step >= 10
    assert psutil.wait_procs(family, timeout=GONE_S)[1] == []
