"""Which rank takes which picture: together all of them, none twice."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.data.order import (
    EVALUATION_BATCH,
    Rank,
    calibration_batches,
    evaluation_positions,
    training_batches,
)
from netaug_core.errors import BadSpec


def batches(rank: Rank, *, with_neighbour: bool = False, batch_size: int = 12) -> list[np.ndarray]:
    return training_batches(
        40, batch_size, seed=1, epoch=2, rank=rank, with_neighbour=with_neighbour
    )


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_ranks_together_take_the_batches_of_one_process(count: int) -> None:
    alone = batches(Rank(0, 1))

    parts = [batches(Rank(number, count)) for number in range(count)]

    for batch, *shares in zip(alone, *parts, strict=True):
        assert np.concatenate(shares).tolist() == batch.tolist()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_picture_has_the_same_neighbour_on_any_rank(count: int) -> None:
    batch = batches(Rank(0, 1))[0]
    expected = dict(zip(batch.tolist(), np.roll(batch, -1).tolist(), strict=True))

    for number in range(count):
        taken = batches(Rank(number, count), with_neighbour=True)[0].tolist()
        assert {own: expected[own] for own in taken[:-1]} == dict(pairwise(taken))


def test_ranks_that_cannot_share_equally_are_refused() -> None:
    with pytest.raises(BadSpec, match=r"batch_size must be a multiple of 5.*; got 12"):
        batches(Rank(0, 5))


@given(num_images=st.integers(1, 3000), count=st.integers(1, 5))
def test_evaluation_takes_every_picture_once(num_images: int, count: int) -> None:
    taken = [evaluation_positions(num_images, Rank(number, count)) for number in range(count)]

    assert sorted(np.concatenate(taken).tolist()) == list(range(num_images))


def test_calibration_s_batches_are_the_same_for_any_number_of_ranks() -> None:
    alone = calibration_batches(3000, 5 * EVALUATION_BATCH, Rank(0, 1))

    second = calibration_batches(3000, 5 * EVALUATION_BATCH, Rank(1, 2))

    assert [batch.tolist() for batch in second] == [batch.tolist() for batch in alone[1::2]]


@pytest.mark.parametrize(("count", "expected"), [(32, [32]), (33, [32]), (34, [32, 2]), (1, [1])])
def test_calibration_leaves_no_picture_alone(count: int, expected: list[int]) -> None:
    """Alone it has no variance, where a map is a single pixel."""
    batches = calibration_batches(100, count, Rank(0, 1), 32)

    assert [len(batch) for batch in batches] == expected
