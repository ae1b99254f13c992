import numpy as np

from netaug_core.data.counters import permutation, uniforms

INDICES = np.arange(5000)


def test_a_picture_s_draws_do_not_depend_on_the_others() -> None:
    all_of_them = uniforms(1, 2, INDICES, 4)

    alone = uniforms(1, 2, np.array([37]), 4)

    assert np.array_equal(all_of_them[37], alone[0])


def test_draws_change_with_seed_and_stream() -> None:
    draws = [uniforms(*key, INDICES[:50], 3) for key in ((0, 0), (0, 1), (1, 0))]

    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_draws_are_uniform_and_independent() -> None:
    draws = uniforms(7, 3, INDICES, 2)

    histogram, _ = np.histogram(draws, bins=10, range=(0, 1))
    assert np.abs(histogram - 1000).max() < 150  # standard deviation 30: five of them
    assert abs(np.corrcoef(draws.T)[0, 1]) < 5 / np.sqrt(len(INDICES))
    assert draws.min() >= 0
    assert draws.max() < 1


def test_a_permutation_has_every_position_once_and_another_order_each_epoch() -> None:
    first, second = permutation(0, 0, 1000), permutation(0, 1, 1000)

    assert np.array_equal(np.sort(first), np.arange(1000))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, permutation(0, 0, 1000))
