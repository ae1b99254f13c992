"""Jobs that may not start yet: before their time, or before others have succeeded."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from jobs import db, endings, lifecycle, outbox, queries, waiting, wishes
from jobs.errors import IllegalStateChange, SpecRefused
from jobs.records import Job
from jobs.states import EventType, JobStatus
from jobs.tables import job_dependencies, jobs
from jobs.tables import outbox as outbox_table
from netaug_core.errors import FailureClass
from tests.builders import (
    DIVERGED,
    LEASE_S,
    LOST,
    TENANT,
    cancel,
    claim,
    get,
    make_job,
    make_spec,
    submit,
)

AtOnce = Callable[[list[Callable[[sa.Connection], object]]], list[object]]
SOON = datetime.now(UTC) + timedelta(days=1)
UNKNOWN = f"job_{'0' * 32}"


def ask(connection: sa.Connection, **resources: object) -> Job:
    return submit(connection, make_spec(**resources))


def nothing_to_claim(connection: sa.Connection) -> bool:
    return lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S) is None


def succeed(connection: sa.Connection, job_id: str) -> None:
    claimed = claim(connection).job
    assert claimed.id == job_id
    endings.succeed(connection, job_id, claimed.attempt, result={}, stored=[])


def set_job(connection: sa.Connection, job_id: str, **values: object) -> None:
    """As if time had gone by."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def doorbells(connection: sa.Connection) -> list[str]:
    return list(connection.scalars(sa.select(outbox_table.c.job_id).order_by(outbox_table.c.id)))


def test_a_job_does_not_start_before_its_time(connection: sa.Connection) -> None:
    job = ask(connection, run_after=SOON)
    assert nothing_to_claim(connection)
    assert waiting.release_due(connection) == []
    assert outbox.ring_silent(connection, 10) == 0
    set_job(connection, job.id, run_after=job.created_at)
    assert waiting.release_due(connection) == [job.id]
    assert doorbells(connection) == [job.id]
    assert claim(connection).job.id == job.id


def test_a_time_that_has_gone_by_is_now(connection: sa.Connection) -> None:
    job = ask(connection, run_after="2020-01-31T13:00:00+01:00")
    assert get(connection, job.id).run_after == datetime(2020, 1, 31, 12, tzinfo=UTC)
    assert claim(connection).job.id == job.id


@pytest.mark.parametrize("moment", ["2020-01-31T12:00:00", 1_700_000_000, "tomorrow"])
def test_a_time_needs_its_offset(moment: object) -> None:
    with pytest.raises(ValidationError, match="run_after"):
        make_spec(run_after=moment)


def test_a_retry_still_waits_for_its_time(connection: sa.Connection) -> None:
    job = ask(connection, run_after=SOON)
    cancel(connection, job.id)
    assert not wishes.retry(connection, TENANT, job.id).ready
    assert nothing_to_claim(connection)


def test_a_job_starts_when_those_it_needs_have_succeeded(connection: sa.Connection) -> None:
    first, second = ask(connection), ask(connection)
    last = ask(connection, after=[first.id, second.id])
    succeed(connection, first.id)
    succeed(connection, second.id)
    assert doorbells(connection)[-1] == last.id
    succeed(connection, last.id)


def test_one_unmet_need_holds_a_job(connection: sa.Connection) -> None:
    first, second = ask(connection), ask(connection)
    last = ask(connection, after=[first.id, second.id])
    succeed(connection, first.id)
    claim(connection)
    assert nothing_to_claim(connection)
    assert last.id not in doorbells(connection)


def test_a_job_that_has_succeeded_already_holds_nobody(connection: sa.Connection) -> None:
    first = ask(connection)
    succeed(connection, first.id)
    assert ask(connection, after=[first.id]).ready


def test_a_job_may_wait_for_others_and_for_its_time(connection: sa.Connection) -> None:
    first = ask(connection)
    last = ask(connection, after=[first.id], run_after=SOON)
    succeed(connection, first.id)
    assert nothing_to_claim(connection)
    set_job(connection, last.id, run_after=last.created_at)
    assert waiting.release_due(connection) == [last.id]


@pytest.mark.parametrize("whose", ["nobody", "another tenant"])
def test_a_job_can_wait_for_ones_own_jobs_only(connection: sa.Connection, whose: str) -> None:
    other = submit(connection, tenant="other").id if whose == "another tenant" else UNKNOWN
    with pytest.raises(SpecRefused, match=f"resources.after: there is no job {other}"):
        ask(connection, after=[other])


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_that_did_not_succeed_cannot_be_waited_for(
    connection: sa.Connection, end: JobStatus
) -> None:
    needed = make_job(connection, end)
    with pytest.raises(SpecRefused, match=f"has {end}; retry it first"):
        ask(connection, after=[needed.id])


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_a_need_that_is_not_met_fails_the_whole_chain(connection: sa.Connection, how: str) -> None:
    first = ask(connection)
    second = ask(connection, after=[first.id])
    third = ask(connection, after=[second.id])
    if how == "failed":
        claim(connection)
        endings.fail(connection, first.id, 1, DIVERGED)
    else:
        cancel(connection, first.id)
    assert waiting.end_hopeless(connection) == [second.id]
    assert waiting.end_hopeless(connection) == [third.id]
    assert waiting.end_hopeless(connection) == []
    ended = get(connection, second.id)
    assert (ended.status, ended.failure) == (JobStatus.FAILED, FailureClass.USER_ERROR)
    assert f"job {first.id} did not succeed" in str(ended.failure_message)
    events = queries.list_events(connection, second.id)
    assert [e.seq for e in events] == list(range(1, ended.last_event + 1))
    assert events[-1].type is EventType.DONE


def test_a_lost_attempt_of_a_need_only_delays(connection: sa.Connection) -> None:
    first = ask(connection)
    last = ask(connection, after=[first.id])
    claim(connection)
    endings.fail(connection, first.id, 1, LOST)
    assert waiting.end_hopeless(connection) == []
    succeed(connection, first.id)
    succeed(connection, last.id)


def test_a_chain_is_retried_from_its_beginning(connection: sa.Connection) -> None:
    first = ask(connection)
    last = ask(connection, after=[first.id])
    cancel(connection, first.id)
    waiting.end_hopeless(connection)
    with pytest.raises(IllegalStateChange, match=f"job {first.id} has cancelled; retry it first"):
        wishes.retry(connection, TENANT, last.id)
    wishes.retry(connection, TENANT, first.id)
    assert not wishes.retry(connection, TENANT, last.id).ready
    succeed(connection, first.id)
    succeed(connection, last.id)


def test_a_need_that_was_deleted_ends_what_waits_and_refuses_its_retry(
    connection: sa.Connection,
) -> None:
    first = ask(connection)
    last = ask(connection, after=[first.id])
    cancel(connection, first.id)
    wishes.delete(connection, TENANT, first.id)
    assert waiting.end_hopeless(connection) == [last.id]
    with pytest.raises(IllegalStateChange, match=f"there is no job {first.id}"):
        wishes.retry(connection, TENANT, last.id)


def test_a_cancelled_job_waits_for_nothing(connection: sa.Connection) -> None:
    first = ask(connection)
    last = ask(connection, after=[first.id])
    cancel(connection, last.id)
    assert connection.scalars(sa.select(job_dependencies.c.needs)).all() == []
    succeed(connection, first.id)
    assert get(connection, last.id).status is JobStatus.CANCELLED


def test_a_submit_beside_the_success_it_needs_is_not_forgotten(
    engine: sa.Engine, at_once: AtOnce
) -> None:
    for _ in range(10):
        with db.writing(engine) as connection:
            first = ask(connection)
            claim(connection)
        _, last = at_once(
            [
                lambda c, j=first.id: endings.succeed(c, j, 1, result={}, stored=[]),
                lambda c, j=first.id: ask(c, after=[j]),
            ]
        )
        with db.writing(engine) as connection:
            succeed(connection, last.id)


def test_a_success_and_a_cancel_of_what_waits_for_it_do_not_block_each_other(
    postgres_engine: sa.Engine,
) -> None:
    with db.writing(postgres_engine) as connection:
        first = ask(connection)
        last = ask(connection, after=[first.id])
        claim(connection)

    def cancel_last() -> JobStatus:
        with db.writing(postgres_engine) as connection:
            return cancel(connection, last.id).status

    with ThreadPoolExecutor(1) as pool, postgres_engine.begin() as ending:
        cancelled = []

        def cancel_beside(
            _connection: object, _cursor: object, statement: str, *_rest: object
        ) -> None:
            if statement.startswith("DELETE FROM job_dependencies"):
                cancelled.append(pool.submit(cancel_last))
                until_waiting(postgres_engine)

        sa.event.listen(ending, "after_cursor_execute", cancel_beside)
        endings.succeed(ending, first.id, 1, result={}, stored=[])
        ending.commit()
        assert cancelled[0].result() is JobStatus.CANCELLED


def test_an_end_in_vain_and_a_cancel_do_not_block_each_other(postgres_engine: sa.Engine) -> None:
    """Both jobs that wait in vain are held before what they wait for."""
    with db.writing(postgres_engine) as connection:
        first = ask(connection)
        second = ask(connection, after=[first.id])
        last = ask(connection, after=[first.id, second.id])
        cancel(connection, first.id)

    def cancel_last() -> object:
        with db.writing(postgres_engine) as connection:
            try:
                return cancel(connection, last.id)
            except IllegalStateChange:  # it has failed already
                return None

    with ThreadPoolExecutor(1) as pool, postgres_engine.begin() as dispatcher:
        cancelled: list[Future[object]] = []

        def cancel_beside(
            _connection: object, _cursor: object, statement: str, *_rest: object
        ) -> None:
            if statement.startswith("DELETE FROM job_dependencies") and not cancelled:
                cancelled.append(pool.submit(cancel_last))
                until_waiting(postgres_engine)

        sa.event.listen(dispatcher, "after_cursor_execute", cancel_beside)
        assert waiting.end_hopeless(dispatcher) == [second.id, last.id]
        dispatcher.commit()
        assert cancelled[0].result() is None


def test_a_retry_beside_the_success_it_needs_does_not_block_it(
    postgres_engine: sa.Engine,
) -> None:
    """A retry that held its job first would wait for the job that waits for it."""
    with db.writing(postgres_engine) as connection:
        first = ask(connection)
        last = ask(connection, after=[first.id])
        claim(connection)

    def retry() -> Job:
        with db.writing(postgres_engine) as connection:
            return wishes.retry(connection, TENANT, last.id)

    def finish() -> None:
        with db.writing(postgres_engine) as connection:
            endings.succeed(connection, first.id, 1, result={}, stored=[])

    with ThreadPoolExecutor(2) as pool:
        with db.writing(postgres_engine) as connection:
            cancel(connection, last.id)
            retried = pool.submit(retry)
            until_waiting(postgres_engine)
            finished = pool.submit(finish)
            until_waiting(postgres_engine, 2)
        finished.result()
        assert retried.result().status is JobStatus.QUEUED
    with db.writing(postgres_engine) as connection:
        succeed(connection, last.id)


def until_waiting(engine: sa.Engine, count: int = 1) -> None:
    """Until so many transactions wait for others."""
    blocked = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with db.reading(engine) as connection:
        while connection.scalar(blocked) < count:
            pass


def test_a_job_that_waits_too_long_fails(connection: sa.Connection) -> None:
    job = ask(connection, max_wait_seconds=60)
    assert waiting.end_overdue(connection) == []
    set_job(connection, job.id, start_by=job.created_at)
    assert waiting.end_overdue(connection) == [job.id]
    ended = get(connection, job.id)
    assert (ended.status, ended.failure) == (JobStatus.FAILED, FailureClass.TIMEOUT)
    assert "60 seconds" in str(ended.failure_message)
    assert waiting.end_overdue(connection) == []


def test_the_longest_wait_counts_from_the_time_that_was_asked_for(
    connection: sa.Connection,
) -> None:
    job = ask(connection, max_wait_seconds=60, run_after=SOON)
    start_by = connection.scalar(sa.select(jobs.c.start_by).where(jobs.c.id == job.id))
    assert start_by == SOON + timedelta(seconds=60)


def test_a_job_that_has_started_once_may_wait(connection: sa.Connection) -> None:
    job = ask(connection, max_wait_seconds=60)
    claim(connection)
    endings.release(connection, job.id, 1)
    assert connection.scalar(sa.select(jobs.c.start_by).where(jobs.c.id == job.id)) is None


def test_a_retry_waits_as_long_again(connection: sa.Connection) -> None:
    job = ask(connection, max_wait_seconds=60)
    set_job(connection, job.id, start_by=job.created_at)
    waiting.end_overdue(connection)
    wishes.retry(connection, TENANT, job.id)
    assert waiting.end_overdue(connection) == []
    assert claim(connection).job.id == job.id


@pytest.mark.parametrize("look", [waiting.end_overdue, waiting.end_hopeless])
def test_what_waits_is_ended_once_by_two_dispatchers(
    engine: sa.Engine, at_once: AtOnce, look: Callable[[sa.Connection], list[str]]
) -> None:
    with db.writing(engine) as connection:
        first = ask(connection)
        last = ask(connection, after=[first.id], max_wait_seconds=60)
        set_job(connection, last.id, start_by=last.created_at)
        cancel(connection, first.id)
    at_once([look] * 3)
    with db.writing(engine) as connection:
        events = queries.list_events(connection, last.id)
        assert [e.type for e in events] == [EventType.STATE, EventType.STATE, EventType.DONE]
