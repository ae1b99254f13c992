"""Which attempt gets which GPUs of its worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.slots import Slots, threads_of


def two_gpus(per_gpu: int = 2) -> Slots:
    return Slots(["0", "1"], per_gpu=per_gpu, without_gpus=9)


def test_small_jobs_fill_one_gpu_before_they_touch_the_next() -> None:
    slots = two_gpus()

    assert [slots.take(1).visible for _ in range(4)] == ["0", "0", "1", "1"]
    assert slots.offer() is None


def test_a_gpu_with_one_small_job_is_not_offered_whole() -> None:
    slots = two_gpus()
    small = slots.take(None)
    assert slots.offer() == 1

    slots.give_back(small)

    assert slots.offer() == 2
    assert slots.take(2).visible == "0,1"
    assert slots.offer() is None


def test_a_job_without_gpus_takes_a_slot_and_sees_none() -> None:
    slots = two_gpus(per_gpu=1)
    assert slots.take(0).visible == ""
    assert slots.take(1).visible == "1"


def test_a_worker_without_gpus_offers_its_slots_to_jobs_without_gpus() -> None:
    slots = Slots([], per_gpu=1, without_gpus=2)
    first, second = slots.take(None), slots.take(0)

    assert (first.visible, second.visible, slots.offer()) == (None, None, None)
    slots.give_back(first)
    assert (slots.offer(), slots.free, slots.total) == (0, 1, 2)


@pytest.mark.parametrize(
    ("gpus", "cores", "expected"), [(1, 16, 4), (2, 16, 16), (1, 2, 1), (None, 9, 2)]
)
def test_threads_follow_the_slots(gpus: int | None, cores: int, expected: int) -> None:
    slots = two_gpus()
    assert threads_of(slots.take(gpus), cores=cores, total=slots.total) == expected


@given(st.integers(1, 4), st.integers(1, 3), st.lists(st.integers(-4, 4), max_size=40))
def test_no_gpu_is_given_twice(num_gpus: int, per_gpu: int, steps: list[int]) -> None:
    """A positive step takes so many GPUs if they are on offer, another gives the oldest back."""
    slots = Slots([str(n) for n in range(num_gpus)], per_gpu=per_gpu, without_gpus=1)
    held = []
    for step in steps:
        offer = slots.offer()
        if step > 0 and offer is not None and step <= offer:
            held.append(slots.take(step))
        elif held:
            slots.give_back(held.pop(0))
        on = {str(n): [share for share in held if str(n) in share.places] for n in range(num_gpus)}
        for shares in on.values():
            whole = any(len(share.places) > 1 for share in shares)
            assert len(shares) <= (1 if whole else per_gpu)
        assert slots.free == slots.total - sum(share.slots for share in held)
