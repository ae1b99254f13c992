"""Two workers of two GPUs each claim from one queue, without running anything."""

import threading
from collections.abc import Callable

import pytest

from jobs import processes
from jobs.states import WorkerWish
from tests.worker.conftest import Bench, tiny_spec
from worker.claims import Claims, Taken
from worker.presence import Presence
from worker.slots import Slots
from worker.supervisor import Platform

Start = Callable[[], "Worker"]


class Worker:
    """What of a worker claims."""

    def __init__(self, bench: Bench, ring: Callable[[], None] = lambda: None) -> None:
        self.heard: list[bool] = []
        platform = Platform(bench.engine, bench.storage, bench.settings, bench.draining)
        self.slots = Slots(["0", "1"], per_gpu=1, without_gpus=1)
        self.presence = Presence(platform, self.slots, ["A", "A"], ring, self._hear)
        self.claims = Claims(platform, self.presence, self.slots)
        self.presence.tell()

    def _hear(self) -> None:
        self.heard.append(self.presence.is_held_back)

    def take(self) -> str | None:
        """The id of the job it starts."""
        self.taken: Taken | None = self.claims.take()
        return self.taken and self.taken.claim.job.id


@pytest.fixture
def start(bench: Bench) -> Start:
    return lambda: Worker(bench)


def submit(bench: Bench, *gpus: int) -> list[str]:
    return [bench.submit(tiny_spec(gpus=number)) for number in gpus]


def test_one_worker_holds_its_gpus_for_a_large_job_and_the_other_goes_on(
    bench: Bench, start: Start
) -> None:
    first, second = start(), start()
    small = submit(bench, 1, 1)
    assert [first.take(), second.take()] == small
    large, behind = submit(bench, 2, 1)

    assert first.take() is None
    assert first.presence.holds_for == large
    assert second.take() == behind
    assert second.presence.holds_for is None


def test_a_held_job_starts_when_its_gpus_are_free(bench: Bench, start: Start) -> None:
    worker = start()
    [small] = submit(bench, 1)
    assert worker.take() == small
    assert worker.taken is not None
    share = worker.taken.share
    large, behind = submit(bench, 2, 1)
    assert [worker.take(), worker.take()] == [None, None]

    worker.slots.give_back(share)

    assert worker.take() == large
    assert worker.presence.holds_for is None
    assert worker.take() is None
    assert bench.job(behind).attempt == 0


def test_a_claim_that_is_put_back_leaves_no_trace(bench: Bench, start: Start) -> None:
    worker = start()
    submit(bench, 1)
    worker.take()
    [large] = submit(bench, 2)
    before = bench.job(large)

    assert worker.take() is None

    assert bench.job(large) == before


def test_a_broker_that_is_slow_to_take_a_bell_delays_no_other_claim(bench: Bench) -> None:
    # fails if the bell is rung before the claim is over
    waited: list[bool] = []

    def ring() -> None:
        other = threading.Thread(target=worker.claims.take, daemon=True)
        other.start()
        other.join(10)
        waited.append(other.is_alive())

    worker = Worker(bench, ring)
    submit(bench, 1)
    worker.take()
    submit(bench, 2)

    assert worker.take() is None

    assert waited == [False]


def test_a_paused_worker_takes_nothing(bench: Bench, start: Start) -> None:
    worker = start()
    [small] = submit(bench, 1)
    bench.write(processes.wish, worker.presence.name, WorkerWish.PAUSE)
    assert worker.take() is None

    bench.write(processes.wish, worker.presence.name, None)

    assert worker.take() == small


def test_a_wish_is_heard_once_when_it_comes_and_once_when_it_is_over(
    bench: Bench, start: Start
) -> None:
    worker = start()
    for wish in (WorkerWish.PAUSE, None):
        bench.write(processes.wish, worker.presence.name, wish)
        for _ in range(2):
            worker.presence.tell()
    assert worker.heard == [True, False]


def test_no_resume_takes_a_shutdown_back(bench: Bench, start: Start) -> None:
    worker = start()
    bench.write(processes.wish, worker.presence.name, WorkerWish.DRAIN)
    worker.presence.tell()
    assert bench.draining.is_set()

    bench.draining.shut_down()
    bench.write(processes.wish, worker.presence.name, None)
    worker.presence.tell()

    assert bench.draining.is_set()
