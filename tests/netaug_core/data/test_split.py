import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.data.split import stratified


@given(sizes=st.lists(st.integers(2, 40), min_size=2, max_size=6), fraction=st.floats(0.01, 0.5))
def test_the_parts_are_disjoint_complete_and_hold_every_class(
    sizes: list[int], fraction: float
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    count = max(1, round(fraction * len(labels)))

    rest, drawn = stratified(labels, count, seed=1)

    assert np.array_equal(np.sort(np.concatenate([rest, drawn])), np.arange(len(labels)))
    for part in (rest, drawn):
        assert set(labels[part]) == set(range(len(sizes)))


def test_classes_are_drawn_in_proportion_and_the_count_is_kept() -> None:
    labels = np.repeat([0, 1, 2], [500, 300, 200])

    _, drawn = stratified(labels, 101, seed=1)

    assert len(drawn) == 101
    assert np.abs(np.bincount(labels[drawn]) - [50.5, 30.3, 20.2]).max() < 1


def test_another_seed_draws_others() -> None:
    labels = np.repeat([0, 1], 50)

    drawn = [stratified(labels, 20, seed)[1] for seed in (1, 2)]

    assert not np.array_equal(*drawn)
