"""Row 18: death at the k-th statement, for all k, of whatever changes a job."""

import os
from collections.abc import Callable
from itertools import count

import pytest

from jobs import db, wishes
from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import TENANT, Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

# Before the next statement and after the last one the database holds the same, but for COMMIT.
THOROUGH = bool(os.environ.get("FAULTS_THOROUGH"))
RUNS = 10
SHORT = chain_spec(epochs=1, step_ms=10)
LONG = chain_spec(epochs=1, step_ms=60)  # several heartbeats and checkpoints long


def die_at_each_statement(
    installation: Installation, operation: str, act: Callable[[], object]
) -> int:
    """Arm each point of the operation in turn; how many statements it has, COMMIT included."""
    for number in count(1):
        if not died_at(installation, f"{operation}:{number}:before", act):
            num_statements = number - 1
            assert num_statements, f"nothing of {operation} was ever reached"
            last = f"{operation}:{num_statements}:after"
            # A report of fewer news has fewer statements: not every run gets to the last one.
            assert any(died_at(installation, last, act) for _ in range(RUNS))
            return num_statements
        if THOROUGH:
            died_at(installation, f"{operation}:{number}:after", act)
    raise AssertionError("unreachable")


def died_at(installation: Installation, point: str, act: Callable[[], object]) -> bool:
    installation.arm(point)
    act()
    return installation.disarm()


@pytest.fixture
def working(installation: Installation) -> Installation:
    installation.start("dispatcher")
    installation.start_reborn("worker")
    return installation


@pytest.mark.parametrize(
    ("operation", "spec"),
    [("claim", SHORT), ("heartbeat", LONG), ("checkpoint", SHORT), ("finish", SHORT)],
)
def test_a_worker_may_die_at_each_statement(
    working: Installation, operation: str, spec: object
) -> None:
    def run_a_job() -> None:
        job_id = working.submit_directly(spec)
        working.until_final(job_id)
        assert working.job(job_id).status is JobStatus.SUCCEEDED

    num_statements = die_at_each_statement(working, operation, run_a_job)
    assert num_statements >= 4


def test_a_worker_may_die_at_each_statement_that_ends_a_cancelled_job(
    working: Installation,
) -> None:
    def cancel_until_a_worker_ends_it() -> None:
        while not (ended_by_its_worker(working) or working.has_died):
            continue

    assert die_at_each_statement(working, "end_cancelled", cancel_until_a_worker_ends_it) >= 4


def ended_by_its_worker(installation: Installation) -> bool:
    """Cancel a running job. One whose worker died, or was too slow, is ended by the dispatcher."""
    job_id = installation.submit_directly(chain_spec(epochs=100))
    installation.until(lambda: installation.job(job_id).status is JobStatus.RUNNING, "it runs")
    with db.writing(installation.engine) as connection:
        wishes.cancel(connection, TENANT, job_id)
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.CANCELLED
    return installation.attempts(job_id)[-1].outcome is AttemptOutcome.CANCELLED


def test_an_api_may_die_at_each_statement_of_a_submit_whose_client_asks_again(
    installation: Installation,
) -> None:
    installation.start_reborn("api")
    keys = (f"key-{number}" for number in count())

    def submit_until_answered() -> None:
        key = next(keys)
        installation.until(lambda: submitted(installation, key), "a submit is answered")

    assert die_at_each_statement(installation, "submit", submit_until_answered) >= 4
    assert len(set(installation.acknowledged)) == len(installation.acknowledged)
    with db.reading(installation.engine) as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one()
    assert stored == len(installation.acknowledged) == int(next(keys).removeprefix("key-"))
    installation.start("dispatcher")
    installation.start("worker")


def submitted(installation: Installation, key: str) -> bool:
    try:
        answer = installation.call("POST", "/v1/jobs", SHORT, {"Idempotency-Key": key})
    except OSError:
        return False
    if answer.status != 202:
        return False
    installation.acknowledge(answer)
    return True


def test_an_api_may_die_at_each_statement_of_a_cancel(installation: Installation) -> None:
    installation.start_reborn("api")

    def cancel_until_answered() -> None:
        job_id = installation.submit_directly(SHORT)
        installation.until(lambda: cancelled(installation, job_id), "a cancel is answered")

    assert die_at_each_statement(installation, "cancel", cancel_until_answered) >= 4


def cancelled(installation: Installation, job_id: str) -> bool:
    try:
        answer = installation.call("POST", f"/v1/jobs/{job_id}/cancel")
    except OSError:
        return False
    return answer.status == 202 and answer.body["status"] == "cancelled"
