import ast
import itertools
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs import db, endings, lifecycle, queries
from jobs.dialect import database_time
from jobs.recording import Entry, Report, StartFacts, StoredCheckpoint
from jobs.records import MetricPoint
from jobs.states import TRANSITIONS, EventType, JobStatus
from tests.builders import DIVERGED, LAPSED_S, LEASE_S, LOST, cancel, claim, get, make_job, submit

ROOT = Path(__file__).parent.parent.parent
NEWS = Report(
    batch=1,
    progress={"epoch": 1},
    entries=(Entry(EventType.LOG, {"text": "hello\n"}),),
    metrics=(MetricPoint("loss", 1, 0, float("nan"), epoch_end=False),),
    checkpoints=(StoredCheckpoint(7, 1, "jobs/j/1/checkpoints/7", 10, "a" * 64),),
    started=StartFacts(0, "d" * 64, {"torch": "2"}),
    last_step=7,
    seconds_used=1.5,
)


def sequence(connection: sa.Connection, job_id: str) -> list[int]:
    return [event.seq for event in queries.list_events(connection, job_id)]


def test_a_claim_takes_the_most_urgent_job_and_the_older_of_two_equals(
    connection: sa.Connection,
) -> None:
    low, first, _second = (make_job(connection, priority=p) for p in (0, 5, 5))
    assert claim(connection).job.id == first.id
    assert get(connection, low.id).status is JobStatus.QUEUED


def test_a_claim_starts_an_attempt_with_a_lease_by_the_databases_clock(
    connection: sa.Connection,
) -> None:
    submit(connection)
    job = claim(connection, 60.0).job
    assert (job.status, job.attempt, job.worker) == (JobStatus.RUNNING, 1, "worker-1")
    assert job.lease_until is not None
    assert 50 < (job.lease_until - database_time(connection)).total_seconds() <= 60
    (attempt,) = queries.list_attempts(connection, job.id)
    assert (attempt.attempt, attempt.outcome) == (1, None)


def test_a_worker_without_gpus_leaves_a_gpu_job_alone(connection: sa.Connection) -> None:
    make_job(connection, gpus=1)
    assert lifecycle.claim(connection, worker="cpu", gpus=0, lease_seconds=LEASE_S) is None
    assert lifecycle.claim(connection, worker="gpu", gpus=1, lease_seconds=LEASE_S) is not None


def test_what_is_left_of_the_time_limit_counts_over_attempts(connection: sa.Connection) -> None:
    job = submit(connection)
    assert claim(connection).seconds_left == 86_400
    lifecycle.report(connection, job.id, 1, NEWS, lease_seconds=LEASE_S)
    endings.release(connection, job.id, 1)
    assert claim(connection).seconds_left == 86_400 - 1.5


def test_a_report_keeps_everything_it_tells(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    lifecycle.report(connection, job.id, 1, NEWS, lease_seconds=LEASE_S)
    after = get(connection, job.id)
    assert (after.progress, after.dataset_digest) == ({"epoch": 1}, "d" * 64)
    (attempt,) = queries.list_attempts(connection, job.id)
    assert (attempt.from_step, attempt.last_step) == (0, 7)
    assert attempt.environment == {"torch": "2"}
    (point,) = queries.list_metrics(connection, job.id)
    assert point.value is None  # not a finite number
    types = [event.type for event in queries.list_events(connection, job.id)]
    assert types == [EventType.STATE, EventType.STATE, EventType.LOG, EventType.CHECKPOINT]


def test_a_report_sent_twice_is_kept_once(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    lifecycle.report(connection, job.id, 1, NEWS, lease_seconds=LEASE_S)
    lifecycle.report(connection, job.id, 1, NEWS, lease_seconds=LEASE_S)
    assert sequence(connection, job.id) == [1, 2, 3, 4]
    assert get(connection, job.id).last_event == 4
    assert len(queries.list_metrics(connection, job.id)) == 1
    assert len(queries.checkpoints(connection, job.id)) == 1


def test_the_first_report_of_the_next_attempt_is_kept(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    lifecycle.report(connection, job.id, 1, NEWS, lease_seconds=LEASE_S)
    endings.release(connection, job.id, 1)
    claim(connection)
    lifecycle.report(connection, job.id, 2, NEWS, lease_seconds=LEASE_S)
    logs = queries.list_events(connection, job.id, only=EventType.LOG)
    assert [event.attempt for event in logs] == [1, 2]


@pytest.mark.parametrize("batch", [1, 0], ids=["news", "sent again"])
def test_every_report_renews_the_lease(connection: sa.Connection, batch: int) -> None:
    job = make_job(connection, JobStatus.RUNNING, lease_seconds=LAPSED_S)
    lifecycle.report(connection, job.id, 1, Report(batch=batch), lease_seconds=LEASE_S)
    assert endings.expire_leases(connection) == []


def test_wishes_reach_the_worker_with_its_next_report(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    quiet = lifecycle.report(connection, job.id, 1, Report(batch=1), lease_seconds=LEASE_S)
    cancel(connection, job.id)
    told = lifecycle.report(connection, job.id, 1, Report(batch=2), lease_seconds=LEASE_S)
    again = lifecycle.report(connection, job.id, 1, Report(batch=2), lease_seconds=LEASE_S)
    assert quiet == lifecycle.Wishes(cancel=False, stop=False)
    assert told == again == lifecycle.Wishes(cancel=True, stop=False)


def test_a_claim_brings_the_newest_checkpoints_first(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    stored = tuple(StoredCheckpoint(s, 0, f"k{s}", 1, "a" * 64) for s in (10, 40, 20, 30))
    news = Report(batch=1, checkpoints=stored)
    lifecycle.report(connection, job.id, 1, news, lease_seconds=LEASE_S)
    endings.fail(connection, job.id, 1, LOST)
    assert [c.step for c in claim(connection).checkpoints] == [40, 30, 20]


def test_a_move_outside_the_transition_table_is_a_programming_error(
    connection: sa.Connection,
) -> None:
    job = submit(connection)
    with pytest.raises(ValueError, match="no transition from"):
        lifecycle.move(connection, job.id, JobStatus.SUCCEEDED, sources={JobStatus.QUEUED})


def test_a_job_that_is_being_deleted_cannot_be_moved(connection: sa.Connection) -> None:
    sources = {JobStatus.QUEUED}
    assert lifecycle.move(connection, "job_gone", JobStatus.CANCELLED, sources=sources) is None


def test_every_change_of_state_is_one_event_along_the_transitions(
    connection: sa.Connection,
) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    endings.fail(connection, job.id, 1, LOST)
    claim(connection)
    endings.fail(connection, job.id, 2, DIVERGED)
    events = queries.list_events(connection, job.id)
    states = [JobStatus(e.data["status"]) for e in events if e.type is EventType.STATE]
    assert states == ["queued", "running", "queued", "running", "failed"]
    assert all(b in TRANSITIONS[a] for a, b in itertools.pairwise(states))
    assert [e.seq for e in events] == list(range(1, get(connection, job.id).last_event + 1))
    assert events[-1].type is EventType.DONE


def status_updates(source: str) -> list[int]:
    """Lines that set a job's status in an UPDATE."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and "update jobs set" in str(node.value).lower():
            found.append(node.lineno)
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        names = {keyword.arg for keyword in node.keywords} | {
            ast.unparse(key)
            for argument in node.args
            if isinstance(argument, ast.Dict)
            for key in argument.keys
            if key is not None
        }
        sets_status = node.func.attr == "values" and names & {"status", "jobs.c.status", "'status'"}
        if sets_status and "update(" in ast.unparse(node.func):
            found.append(node.lineno)
    return found


def test_only_lifecycle_updates_a_status() -> None:
    guilty = {
        path.relative_to(ROOT).as_posix()
        for package in ("jobs", "api", "worker")
        for path in (ROOT / package).rglob("*.py")
        if status_updates(path.read_text())
    }
    assert guilty == {"jobs/lifecycle.py"}


@pytest.mark.parametrize(
    "source",
    [
        "sa.update(jobs).where(x).values(status='failed')",
        "sa.update(jobs).values({jobs.c.status: 'failed'}).returning(y)",
        "sa.text(\"UPDATE jobs SET status = 'failed'\")",
    ],
)
def test_the_check_for_status_updates_catches_its_canaries(source: str) -> None:
    assert status_updates(source) == [1]


def test_a_transaction_that_fails_leaves_nothing(engine: sa.Engine) -> None:
    def submit_and_break() -> None:
        with db.writing(engine) as connection:
            submit(connection)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        submit_and_break()
    with db.reading(engine) as connection:
        assert queries.count_by_status(connection)[JobStatus.QUEUED] == 0
