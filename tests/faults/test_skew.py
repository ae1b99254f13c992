"""Row 11: clocks that are an hour wrong."""

import signal

import pytest

from jobs.states import AttemptOutcome
from tests.faults.installation import Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOUR_S = 3600


def test_a_wrong_clock_neither_shortens_nor_stretches_a_lease(installation: Installation) -> None:
    installation.start("dispatcher", "--skew", str(HOUR_S))
    installation.start("dispatcher", "--skew", str(-HOUR_S))
    behind = installation.start("worker", "--skew", str(-HOUR_S))
    job_id = installation.submit_directly(chain_spec(epochs=10, step_ms=30))
    installation.until(lambda: installation.checkpointed(job_id) >= 70, "it outlives a lease")
    assert installation.job(job_id).attempt == 1
    behind.send_signal(signal.SIGKILL)
    behind.wait()
    installation.start("worker", "--skew", str(HOUR_S))
    installation.until_final(job_id)
    outcomes = [attempt.outcome for attempt in installation.attempts(job_id)]
    assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED]
