"""What lost attempts cost, by hand-made histories; steps are at a second each."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import endings, lifecycle, queries, receipts
from jobs.receipts import DECISIVE, Loss, WrittenCheckpoint
from jobs.recording import Report, StartFacts, StoredCheckpoint
from jobs.records import Attempt, Job
from jobs.states import AttemptOutcome, JobStatus
from tests.builders import LEASE_S, LOST, claim, get, make_job, submit

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ON_CPU: dict[str, Any] = {**dict.fromkeys(DECISIVE, "1"), "device": "cpu"}


def attempt(
    number: int, from_step: int | None, last_step: int | None, seconds: float, **changes: Any
) -> Attempt:
    """A lost attempt that began a minute times its number after noon."""
    began = NOON + timedelta(minutes=number)
    made = Attempt(
        job_id="job_1",
        attempt=number,
        worker="w1",
        started_at=began,
        ended_at=began + timedelta(seconds=seconds),
        from_step=from_step,
        last_step=last_step,
        environment=ON_CPU,
        outcome=AttemptOutcome.LOST,
        failure=None,
        message=None,
        exit_code=None,
    )
    return replace(made, **changes)


def succeeded(number: int, from_step: int, **changes: Any) -> Attempt:
    return attempt(number, from_step, 100, 10.0, outcome=AttemptOutcome.SUCCEEDED, **changes)


def stored(number: int, step: int, seconds: float) -> WrittenCheckpoint:
    """A checkpoint stored so many seconds after the beginning of an attempt."""
    return WrittenCheckpoint(number, step, NOON + timedelta(minutes=number, seconds=seconds))


@pytest.fixture
def done(connection: sa.Connection) -> Job:
    return make_job(connection, JobStatus.SUCCEEDED)


def test_lost_is_what_came_after_the_checkpoint_that_was_gone_on_from() -> None:
    history = [attempt(1, 0, 57, 50.0), succeeded(2, 40)]
    assert receipts.losses(history, [stored(1, 40, 30.0)]) == {1: Loss(17, 20.0), 2: Loss(0, 0.0)}


def test_without_a_checkpoint_the_whole_attempt_is_lost() -> None:
    history = [attempt(1, 0, 57, 50.0), succeeded(2, 0)]
    assert receipts.losses(history, [])[1] == Loss(57, 50.0)


def test_an_attempt_that_never_trained_lost_its_time_only() -> None:
    history = [attempt(1, 0, 40, 40.0), attempt(2, None, None, 5.0), succeeded(3, 40)]
    lost = receipts.losses(history, [stored(1, 40, 40.0)])
    assert (lost[1], lost[2]) == (Loss(0, 0.0), Loss(0, 5.0))


def test_what_a_damaged_checkpoint_cost_is_counted_once() -> None:
    # The second attempt wrote step 80, which the third could not read: it went on from step 40.
    history = [attempt(1, 0, 50, 50.0), attempt(2, 40, 90, 55.0), succeeded(3, 40)]
    lost = receipts.losses(history, [stored(1, 40, 40.0)])
    assert (lost[1], lost[2]) == (Loss(10, 10.0), Loss(50, 55.0))


def test_steps_that_a_later_attempt_could_not_go_on_from_are_lost_after_all() -> None:
    history = [attempt(1, 0, 50, 50.0), attempt(2, 50, 90, 45.0), succeeded(3, 20)]
    lost = receipts.losses(history, [stored(1, 20, 20.0), stored(1, 50, 50.0)])
    assert (lost[1], lost[2]) == (Loss(30, 30.0), Loss(40, 45.0))


def test_what_is_lost_is_not_known_before_the_next_attempt_begins() -> None:
    assert receipts.losses([attempt(1, 0, 57, 50.0)], []) == {1: None}
    waiting = attempt(2, None, None, 0.0, ended_at=None, outcome=None)
    assert receipts.losses([attempt(1, 0, 57, 50.0), waiting], []) == {1: None, 2: None}


@pytest.mark.parametrize(
    ("history", "equal", "statement"),
    [
        ([succeeded(1, 0)], True, "made by one attempt"),
        ([attempt(1, 0, 57, 50.0), succeeded(2, 0)], True, "made by one attempt"),
        ([attempt(1, 0, 57, 50.0), succeeded(2, 40)], True, "attempts 1 and 2 ran on a CPU"),
        (
            [attempt(1, 0, 57, 50.0), succeeded(2, 40, environment=ON_CPU | {"threads": 4})],
            None,
            r"differ in threads \(1, 4\)",
        ),
        (
            [attempt(1, 0, 57, 50.0, environment={"device": "cpu"}), succeeded(2, 40)],
            None,
            r"torch_version \(not recorded, 1\)",
        ),
        (
            [
                attempt(1, 0, 57, 50.0, environment=ON_CPU | {"device": "cuda"}),
                succeeded(2, 40, environment=ON_CPU | {"device": "cuda"}),
            ],
            None,
            "on the CPU only",
        ),
        (
            [
                attempt(1, 0, 57, 50.0),
                attempt(2, 40, 60, 50.0, environment=ON_CPU | {"device": "cuda"}),
                succeeded(3, 40),
            ],
            True,
            "attempts 1 and 3",
        ),
    ],
)
def test_equal_to_an_undisturbed_run_where_that_can_be_said(
    done: Job, history: list[Attempt], equal: bool | None, statement: str
) -> None:
    told = receipts.receipt(done, history, receipts.losses(history, []))
    assert told is not None
    assert told.equals_undisturbed is equal
    assert re.search(statement, told.statement)


def test_nothing_is_said_of_a_stopped_run_or_of_one_without_a_result(done: Job) -> None:
    history = [succeeded(1, 0)]
    lost = receipts.losses(history, [])
    stopped = replace(done, result={"stopped_early": True})
    running = replace(done, status=JobStatus.RUNNING)
    for job, why in ((stopped, "stopped at a moment"), (running, "no result")):
        told = receipts.receipt(job, history, lost)
        assert told is not None
        assert told.equals_undisturbed is None
        assert why in told.statement
    assert receipts.receipt(done, [], {}) is None


def start(step: int) -> StartFacts:
    return StartFacts(step, "ab" * 32, ON_CPU)


def test_a_job_that_was_really_lost(connection: sa.Connection) -> None:
    job = submit(connection)
    written = tuple(StoredCheckpoint(step, 1, f"{step}", 1, "ab" * 32) for step in (20, 40))
    claim(connection)
    told = Report(batch=1, started=start(0), checkpoints=written, last_step=57)
    lifecycle.report(connection, job.id, 1, told, lease_seconds=LEASE_S)
    endings.fail(connection, job.id, 1, LOST)
    claim(connection)
    lifecycle.report(
        connection, job.id, 2, Report(batch=1, started=start(40)), lease_seconds=LEASE_S
    )
    endings.succeed(connection, job.id, 2, result={}, stored=[])

    history = queries.list_attempts(connection, job.id)
    found = queries.written_checkpoints(connection, job.id, [40])
    lost = receipts.losses(history, found)
    told_of = receipts.receipt(get(connection, job.id), history, lost)

    assert [(one.attempt, one.step) for one in found] == [(1, 40)]
    assert lost[1] is not None
    assert lost[1].steps == 17
    assert told_of is not None
    assert (told_of.attempts, told_of.lost_steps, told_of.equals_undisturbed) == (2, 17, True)
