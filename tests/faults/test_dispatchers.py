"""Row 16: two dispatchers at once, which die at each statement of theirs."""

import pytest

from jobs.states import AttemptOutcome
from tests.faults.installation import Installation
from tests.faults.test_statements import SHORT, die_at_each_statement

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("operation", ["published", "ring"])
def test_a_dispatcher_may_die_at_each_statement(installation: Installation, operation: str) -> None:
    for _ in range(2):
        installation.start_reborn("dispatcher")
    installation.start("worker")

    def run_a_job() -> None:
        job_id = installation.submit_directly(SHORT)
        installation.until_final(job_id)
        assert installation.job(job_id).attempt == 1

    assert die_at_each_statement(installation, operation, run_a_job) >= 2


def test_dispatchers_may_die_while_they_expire_a_lease(installation: Installation) -> None:
    for _ in range(2):
        installation.start_reborn("dispatcher")
    installation.start_reborn("worker")
    for number in range(2, 7):  # of them the first reads, and finds nothing most of the time
        installation.arm("heartbeat:1:before")
        job_id = installation.submit_directly(SHORT)
        installation.until(lambda: not installation.failpoint.exists(), "the worker dies")
        installation.arm(f"expire:{number}:before")
        installation.until_final(job_id)
        assert installation.disarm(), "a dispatcher died"
        outcomes = [attempt.outcome for attempt in installation.attempts(job_id)]
        assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED]
