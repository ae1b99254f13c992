"""Threads that start at one barrier, each with a transaction of its own."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from jobs import db, endings, lifecycle, outbox, queries, submission, wishes
from jobs.errors import Fenced, IllegalStateChange
from jobs.idempotency import IdempotencyKey
from jobs.states import EventType, JobStatus
from tests.builders import LAPSED_S, LEASE_S, TENANT, claim, get, make_job, make_spec, submit

AtOnce = Callable[[list[Callable[[sa.Connection], object]]], list[object]]
ROUNDS = 50  # on each of two databases


def try_claim(connection: sa.Connection) -> object:
    return lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S)


def test_of_twenty_claimers_one_gets_the_job(engine: sa.Engine, at_once: AtOnce) -> None:
    with db.writing(engine) as connection:
        job = submit(connection)
    claims = [claimed for claimed in at_once([try_claim] * 20) if claimed is not None]
    assert len(claims) == 1
    with db.reading(engine) as connection:
        assert get(connection, job.id).attempt == 1


def test_a_job_whose_doorbell_is_being_taken_out_can_be_claimed(
    postgres_engine: sa.Engine,
) -> None:
    with db.writing(postgres_engine) as connection:
        job = submit(connection)
        bells = outbox.pending(connection, 10)
    with db.writing(postgres_engine) as dispatcher:
        outbox.published(dispatcher, bells)
        with db.writing(postgres_engine) as worker:
            claimed = lifecycle.claim(worker, worker="w", gpus=0, lease_seconds=LEASE_S)
    assert claimed is not None
    assert claimed.job.id == job.id


def test_fifty_submits_with_one_key_make_one_job(engine: sa.Engine, at_once: AtOnce) -> None:
    spec = make_spec()
    key = IdempotencyKey("once", "0" * 64)

    def once(connection: sa.Connection) -> object:
        return submission.submit(connection, spec, (), tenant=TENANT, idempotency_key=key).job.id

    assert len(set(at_once([once] * 50))) == 1
    with db.reading(engine) as connection:
        assert len(queries.list_jobs(connection, TENANT, queries.JobFilter())) == 1


def test_two_reconcilers_charge_an_expired_lease_once(engine: sa.Engine, at_once: AtOnce) -> None:
    with db.writing(engine) as connection:
        job = make_job(connection, JobStatus.RUNNING, lease_seconds=LAPSED_S)
    expired = at_once([endings.expire_leases] * 2)
    assert sorted(expired, key=repr, reverse=True) == [[], [job.id]]
    with db.reading(engine) as connection:
        assert get(connection, job.id).lost_attempts == 1


def test_a_cancel_and_a_claim_agree_on_the_job(engine: sa.Engine, at_once: AtOnce) -> None:
    for _ in range(ROUNDS // 4):
        with db.writing(engine) as connection:
            job_id = submit(connection).id
        at_once([try_claim, lambda c, j=job_id: wishes.cancel(c, TENANT, j)])
        with db.writing(engine) as connection:
            job = get(connection, job_id)
            assert job.cancel_requested_at is not None
            assert job.status in {JobStatus.CANCELLED, JobStatus.RUNNING}
            if job.status is JobStatus.RUNNING:  # its worker is told
                endings.cancelled(connection, job_id, 1)


def test_a_cancel_and_a_success_end_a_job_once(engine: sa.Engine, at_once: AtOnce) -> None:
    for _ in range(ROUNDS):
        with db.writing(engine) as connection:
            job_id = submit(connection).id
            claim(connection)
        at_once(
            [
                lambda c, j=job_id: answer(lambda: wishes.cancel(c, TENANT, j)),
                lambda c, j=job_id: endings.succeed(c, j, 1, result={}, stored=[]),
            ]
        )
        with db.reading(engine) as connection:
            assert get(connection, job_id).status is JobStatus.SUCCEEDED
            events = queries.list_events(connection, job_id)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        assert [e.type for e in events].count(EventType.DONE) == 1
        assert events[-1].type is EventType.DONE


def answer(call: Callable[[], object]) -> object:
    try:
        return call()
    except (IllegalStateChange, Fenced) as error:
        return error


@pytest.mark.parametrize("verb", [wishes.cancel, wishes.retry])
def test_a_verb_sent_ten_times_at_once_happens_once(
    engine: sa.Engine, at_once: AtOnce, verb: Callable[[sa.Connection, str, str], object]
) -> None:
    start = JobStatus.FAILED if verb is wishes.retry else JobStatus.RUNNING
    with db.writing(engine) as connection:
        job = make_job(connection, start)
    at_once([lambda c: verb(c, TENANT, job.id)] * 10)
    with db.reading(engine) as connection:
        assert get(connection, job.id).last_event == job.last_event + 1


def test_a_cancel_is_kept_when_the_lease_runs_out_between_its_statements(
    postgres_engine: sa.Engine,
) -> None:
    with db.writing(postgres_engine) as connection:
        job = make_job(connection, JobStatus.RUNNING, lease_seconds=LAPSED_S)

    with postgres_engine.begin() as canceller:
        updates: list[str] = []

        def expire_before_the_wish(
            _connection: object, _cursor: object, statement: str, *_rest: object
        ) -> None:
            if statement.startswith("UPDATE jobs"):
                updates.append(statement)
            if len(updates) == 2:
                with db.writing(postgres_engine) as reconciler:
                    endings.expire_leases(reconciler)

        sa.event.listen(canceller, "before_cursor_execute", expire_before_the_wish)
        wishes.cancel(canceller, TENANT, job.id)
    with db.reading(postgres_engine) as connection:
        assert get(connection, job.id).cancel_requested_at is not None
