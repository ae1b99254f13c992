"""Workers that report, and what operators wish of them."""

import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import db, processes
from jobs.errors import WorkerNotFound
from jobs.states import WorkerWish

FACTS: dict[str, Any] = {
    **{"host": "here", "gpus": 2, "devices": [], "slots": 2, "free": 1},
    **{"busy": False, "draining": False},
}
PATIENCE_S = 30


def appear(connection: sa.Connection, name: str, **facts: Any) -> WorkerWish | None:
    return processes.report(connection, processes.WORKER, name, {**FACTS, **facts})


def test_a_wish_is_heard_with_the_next_report(connection: sa.Connection) -> None:
    assert appear(connection, "w1") is None
    processes.wish(connection, "w1", WorkerWish.DRAIN)

    assert appear(connection, "w1") is WorkerWish.DRAIN
    assert not processes.may_claim(connection, "w1")
    processes.wish(connection, "w1", None)
    assert appear(connection, "w1") is None
    assert processes.may_claim(connection, "w1")


def test_a_worker_that_has_left_cannot_be_asked(connection: sa.Connection) -> None:
    appear(connection, "w1")
    processes.leave(connection, processes.WORKER, "w1")
    with pytest.raises(WorkerNotFound, match="w1"):
        processes.wish(connection, "w1", WorkerWish.PAUSE)


def test_slots_count_that_would_take_a_job(connection: sa.Connection) -> None:
    appear(connection, "ready", free=3)
    appear(connection, "paused", free=3)
    processes.wish(connection, "paused", WorkerWish.PAUSE)
    appear(connection, "leaving", free=3, draining=True)
    appear(connection, "stuck", free=3, stuck=[{"pid": 7, "job_id": "job_0"}])
    processes.report(
        connection, processes.WORKER, "older", {"gpus": 0, "busy": False, "draining": False}
    )
    assert processes.free_slots(connection) == 4


def test_a_job_is_held_by_workers_that_take_jobs(connection: sa.Connection) -> None:
    appear(connection, "w1", holds_for="job_1")
    appear(connection, "w2", holds_for="job_1")
    appear(connection, "w3", holds_for="job_2")
    assert processes.holders(connection, "job_1") == ["w1", "w2"]

    processes.wish(connection, "w1", WorkerWish.PAUSE)

    assert processes.holders(connection, "job_1") == ["w2"]


@pytest.mark.parametrize(
    "state",
    [{"draining": True}, {"stuck": [{"pid": 7, "job_id": "job_0"}]}],
    ids=["leaves", "stuck"],
)
def test_a_worker_that_leaves_or_is_stuck_holds_for_no_job(
    connection: sa.Connection, state: dict[str, Any]
) -> None:
    # fails if its hold still counts: the others passed the job by, and nobody kept slots for it
    appear(connection, "w1", holds_for="job_1", **state)
    appear(connection, "w2", holds_for="job_1")

    assert processes.holders(connection, "job_1") == ["w2"]


def test_a_pause_waits_for_the_claim_in_flight(postgres_engine: sa.Engine) -> None:
    with db.writing(postgres_engine) as connection:
        appear(connection, "w1")

    def pause() -> None:
        with db.writing(postgres_engine) as connection:
            processes.wish(connection, "w1", WorkerWish.PAUSE)

    asking = threading.Thread(target=pause)
    with db.writing(postgres_engine) as claiming:
        assert processes.may_claim(claiming, "w1")
        asking.start()
        deadline = time.monotonic() + PATIENCE_S
        while not _someone_waits(postgres_engine):
            assert time.monotonic() < deadline, "the pause did not wait"
            time.sleep(0.01)
    asking.join(PATIENCE_S)

    with db.reading(postgres_engine) as connection:
        assert not processes.may_claim(connection, "w1")


def _someone_waits(engine: sa.Engine) -> bool:
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with engine.connect() as connection:
        return bool(connection.execute(waiting).scalar_one())
