"""Row 3: SIGTERM, SIGTERM again, and SIGQUIT: what ran goes on elsewhere, from its checkpoint."""

import signal

import psutil
import pytest

from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("each_start")]

GONE_S = 60.0


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGQUIT,)],
    ids=["once", "twice", "quickly"],
)
def test_a_worker_told_to_leave_hands_its_job_on(
    installation: Installation, signals: tuple[signal.Signals, ...]
) -> None:
    installation.start("dispatcher")
    # No slow machine may lose the lease meanwhile; without haste the grace would be waited for.
    leaving = installation.start("worker", NETAUG_LEASE_SECONDS="20")
    job_id = installation.submit_directly(chain_spec(epochs=6, step_ms=30))
    installation.until(lambda: installation.checkpointed(job_id) >= 10, "a checkpoint is stored")
    family = installation.family(leaving)
    for which in signals:
        leaving.send_signal(which)
    leaving.wait(GONE_S)
    assert psutil.wait_procs(family, timeout=GONE_S)[1] == []
    installation.start("worker")
    installation.until_final(job_id)

    job = installation.job(job_id)
    first, second = installation.attempts(job_id)
    assert (job.status, second.outcome) == (JobStatus.SUCCEEDED, AttemptOutcome.SUCCEEDED)
    assert second.from_step is not None
    assert second.from_step >= 10
    assert (first.outcome, job.lost_attempts) == (AttemptOutcome.RELEASED, 0), first
    assert leaving.returncode == 0
