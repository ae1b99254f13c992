import pytest
import sqlalchemy as sa

from jobs import endings, lifecycle, outbox, queries, waiting
from jobs.endings import StoredArtifact
from jobs.recording import Report
from jobs.states import AttemptOutcome, EventType, JobStatus
from jobs.tables import jobs
from netaug_core.errors import FailureClass
from tests.builders import DIVERGED, LAPSED_S, LEASE_S, LOST, cancel, claim, get, make_job, submit

FILE = StoredArtifact("model.onnx", "model", "application/x", "the model", "k", 3, "a" * 64)


def doorbells(connection: sa.Connection) -> list[str]:
    return [bell.job_id for bell in outbox.pending(connection, 100)]


def hush(connection: sa.Connection) -> None:
    """The dispatcher publishes all doorbells."""
    bells = outbox.pending(connection, 100)
    outbox.ringing(connection, bells)
    outbox.published(connection, bells)


def test_success_makes_the_artifacts_visible_with_their_events(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    assert queries.list_artifacts(connection, job.id) == []
    endings.succeed(connection, job.id, 1, result={"top1": 90.0}, stored=[FILE])
    (artifact,) = queries.list_artifacts(connection, job.id)
    assert (artifact.name, artifact.sha256, artifact.attempt) == ("model.onnx", "a" * 64, 1)
    ended = get(connection, job.id)
    assert (ended.status, ended.result) == (JobStatus.SUCCEEDED, {"top1": 90.0})
    types = [event.type for event in queries.list_events(connection, job.id)]
    assert types[-3:] == [EventType.ARTIFACT, EventType.STATE, EventType.DONE]


def test_success_sent_twice_is_kept_once(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    for _ in range(2):
        endings.succeed(connection, job.id, 1, result={}, stored=[FILE])
    assert len(queries.list_artifacts(connection, job.id)) == 1
    assert len(queries.list_events(connection, job.id, only=EventType.DONE)) == 1


def test_a_success_that_is_rolled_back_lists_no_artifact(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        job = make_job(connection, JobStatus.RUNNING)
    with engine.connect() as connection:
        endings.succeed(connection, job.id, 1, result={}, stored=[FILE])
    with engine.connect() as connection:
        assert queries.list_artifacts(connection, job.id) == []
        assert get(connection, job.id).status is JobStatus.RUNNING


def test_a_failure_ends_the_job_with_class_and_message(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    for _ in range(2):
        assert endings.fail(connection, job.id, 1, DIVERGED) is JobStatus.FAILED
    ended = get(connection, job.id)
    assert (ended.failure, ended.failure_message) == (FailureClass.DIVERGED, DIVERGED.message)
    (attempt,) = queries.list_attempts(connection, job.id)
    assert (attempt.outcome, attempt.exit_code) == (AttemptOutcome.FAILED, 5)


def test_a_lost_attempt_is_charged_and_started_again_at_once(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    hush(connection)
    assert endings.fail(connection, job.id, 1, LOST) is JobStatus.QUEUED
    assert doorbells(connection) == [job.id]
    assert get(connection, job.id).lost_attempts == 1
    assert claim(connection).job.attempt == 2


def test_the_second_loss_pauses_before_the_next_start(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    endings.fail(connection, job.id, 1, LOST)
    claim(connection)
    hush(connection)
    endings.fail(connection, job.id, 2, LOST)
    assert doorbells(connection) == []
    assert outbox.ring_silent(connection, 10) == 0
    assert lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S) is None


def test_a_job_whose_pause_is_over_is_rung_again(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    endings.fail(connection, job.id, 1, LOST)
    claim(connection)
    hush(connection)
    endings.fail(connection, job.id, 2, LOST)
    past = sa.update(jobs).values(run_after=jobs.c.created_at)  # as if the pause had gone by
    connection.execute(past)
    assert waiting.release_due(connection) == [job.id]
    assert doorbells(connection) == [job.id]


def test_the_last_allowed_loss_fails_the_job(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING, max_attempts=1)
    assert endings.fail(connection, job.id, 1, LOST) is JobStatus.FAILED
    ended = get(connection, job.id)
    assert ended.failure is FailureClass.INFRA_LOST
    assert ended.failure_message is not None
    assert "attempt 1 of 1" in ended.failure_message


@pytest.mark.parametrize(
    ("lost", "pause"), [(0, 0.0), (1, 0.0), (2, 10.0), (3, 20.0), (4, 40.0), (8, 600.0), (99, 600)]
)
def test_pauses_double_up_to_ten_minutes(lost: int, pause: float) -> None:
    assert endings.pause_before_restart(lost) == pause


def test_a_lost_attempt_of_a_cancelled_job_cancels_it(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING, lease_seconds=LAPSED_S)
    cancel(connection, job.id)
    assert endings.expire_leases(connection) == [job.id]
    assert get(connection, job.id).status is JobStatus.CANCELLED


def test_a_released_attempt_is_not_charged(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    hush(connection)
    assert endings.release(connection, job.id, 1) is JobStatus.QUEUED
    assert get(connection, job.id).lost_attempts == 0
    assert doorbells(connection) == [job.id]
    assert claim(connection).job.attempt == 2


def test_releasing_a_cancelled_job_ends_it(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    cancel(connection, job.id)
    assert endings.release(connection, job.id, 1) is JobStatus.CANCELLED
    assert endings.cancelled(connection, job.id, 1) is JobStatus.CANCELLED  # sent again


def test_a_live_lease_does_not_expire(connection: sa.Connection) -> None:
    make_job(connection, JobStatus.RUNNING)
    assert endings.expire_leases(connection) == []


def test_an_expired_lease_says_so_in_the_attempt(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING, lease_seconds=LAPSED_S)
    endings.expire_leases(connection)
    (attempt,) = queries.list_attempts(connection, job.id)
    assert attempt.outcome is AttemptOutcome.LOST
    assert attempt.message is not None
    assert "lease ran out" in attempt.message


def test_a_queued_job_whose_doorbell_got_lost_is_rung_again(connection: sa.Connection) -> None:
    job = submit(connection)
    hush(connection)
    assert outbox.ring_silent(connection, 10) == 0  # it was rung a moment ago
    connection.execute(sa.update(jobs).values(rung_at=None))  # as if that was long ago
    assert outbox.ring_silent(connection, 10) == 1
    assert outbox.ring_silent(connection, 10) == 0  # one doorbell is enough
    assert doorbells(connection) == [job.id]


def test_an_empty_report_tells_nothing(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    lifecycle.report(connection, job.id, 1, Report(batch=1), lease_seconds=LEASE_S)
    assert get(connection, job.id).last_event == 2
