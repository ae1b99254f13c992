"""Row 2: SIGSTOP for longer than the lease, then SIGCONT: the stale attempt changes nothing."""

import contextlib
import signal
import subprocess

import psutil
import pytest

from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("each_start")]


@pytest.fixture
def running(installation: Installation) -> str:
    """A job with a checkpoint, on the only worker."""
    installation.start("dispatcher")
    installation.start("worker")
    job_id = installation.submit_directly(chain_spec(epochs=10, step_ms=30))
    installation.until(lambda: installation.checkpointed(job_id) >= 10, "a checkpoint is stored")
    return job_id


def test_a_frozen_workers_trainer_is_dead_before_another_takes_the_job(
    installation: Installation,
) -> None:
    installation.start("dispatcher")
    workers = [installation.start("worker") for _ in range(2)]
    # So long that it would go on beside the second attempt, if nobody ended it.
    job_id = installation.submit_directly(chain_spec(epochs=20, step_ms=30))
    installation.until(lambda: installation.checkpointed(job_id) >= 10, "a checkpoint is stored")
    [frozen] = [worker for worker in workers if installation.trainers(worker)]
    family = installation.family(frozen)
    frozen.send_signal(signal.SIGSTOP)
    installation.until(lambda: installation.job(job_id).attempt == 2, "the other takes the job")
    assert all(map(is_dead, family)), "its guard, not frozen, has ended it"
    frozen.send_signal(signal.SIGCONT)
    finish_on_the_second_attempt(installation, job_id, frozen)


def test_a_machine_that_froze_ends_its_attempt_when_it_wakes(
    installation: Installation, running: str
) -> None:
    frozen = installation.running[-1]
    family = installation.family(frozen)
    frozen.send_signal(signal.SIGSTOP)
    for process in family:
        process.suspend()
    installation.start("worker")
    installation.until(lambda: installation.job(running).attempt == 2, "another takes the job")
    # The trainer is held until its guard has looked at the clock: both wake at once on a machine,
    # and which of them is first there is no fault.
    guards = [p for p in family if any("guard.py" in part for part in p.cmdline())]
    for process in guards:
        with contextlib.suppress(psutil.NoSuchProcess):  # the other one has ended it already
            process.resume()
    installation.until(lambda: all(map(is_dead, family)), "the guard ends the attempt")
    frozen.send_signal(signal.SIGCONT)
    finish_on_the_second_attempt(installation, running, frozen)


def is_dead(process: psutil.Process) -> bool:
    """Its frozen parent cannot have reaped it yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def finish_on_the_second_attempt(
    installation: Installation, job_id: str, frozen: "subprocess.Popen[bytes]"
) -> None:
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.SUCCEEDED
    outcomes = [attempt.outcome for attempt in installation.attempts(job_id)]
    assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED]
    installation.until(
        lambda: (
            "attempt_fenced" in installation.log("worker")
            or "attempt_gave_up_its_lease" in installation.log("worker")
        ),
        "the frozen worker notices",
    )
    assert frozen.poll() is None  # it lives, and takes the next job
