"""MACs at equal score, against numbers worked out by hand."""

import math

import pytest

from netaug_client.studies.savings import Curve, Outside, Point, macs_at, saving
from netaug_core.statistics import Interval

BASELINE = {"s": Point(1_000_000, 0.2), "m": Point(4_000_000, 0.4), "l": Point(16_000_000, 0.5)}
T_OF_2 = 4.302653


def flat(**scores: float) -> Curve:
    """A curve with the baseline's MACs."""
    return {model: Point(BASELINE[model].macs, score) for model, score in scores.items()}


@pytest.mark.parametrize(
    ("score", "macs"),
    [
        (0.2, 1_000_000),
        (0.3, 2_000_000),  # half way between 1 and 4 is 2: the logarithms count
        (0.4, 4_000_000),
        (0.45, 8_000_000),
        (0.5, 16_000_000),
    ],
)
def test_a_curve_is_linear_in_the_logarithm_of_the_macs(score: float, macs: float) -> None:
    assert macs_at(BASELINE.values(), score) == pytest.approx(macs)


def test_beyond_its_models_a_curve_is_not_known() -> None:
    assert macs_at(BASELINE.values(), 0.19) is Outside.BELOW
    assert macs_at(BASELINE.values(), 0.51) is Outside.ABOVE


def test_of_a_curve_that_falls_the_fewest_macs_count() -> None:
    points = [Point(1, 0.2), Point(4, 0.6), Point(16, 0.4), Point(64, 1.0)]
    assert macs_at(points, 0.4) == pytest.approx(2)
    assert macs_at(points, 0.7) == pytest.approx(32)
    assert macs_at([Point(1, 0.5), Point(4, 0.3), Point(16, 0.6)], 0.4) is Outside.BELOW


def test_models_of_the_same_size_count_as_the_better_one() -> None:
    assert macs_at([Point(4, 0.6), Point(4, 0.2), Point(16, 0.7)], 0.5) == pytest.approx(4)


def test_a_curve_needs_a_point() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        macs_at([], 0.5)


def test_what_is_saved_is_a_fraction_of_the_baselines_macs() -> None:
    one = saving("s", (flat(s=0.3), BASELINE), {})
    assert one.equal_macs == pytest.approx(2_000_000)
    assert one.saved == pytest.approx(0.5)
    assert saving("l", (flat(l=0.45), BASELINE), {}).saved == pytest.approx(-1.0)


def test_each_seed_is_compared_with_its_own_curve() -> None:
    # Equal at 2, 4 and 2 million MACs: saved 1/2, 3/4, 1/2.
    by_seed = {
        0: (flat(s=0.3), BASELINE),
        1: (flat(s=0.4), BASELINE),
        2: (flat(s=0.2), flat(s=0.1, m=0.3, l=0.35)),
    }
    one = saving("s", (flat(s=0.3), BASELINE), by_seed)
    assert one.by_seed == pytest.approx({0: 0.5, 1: 0.75, 2: 0.5})
    over_seeds = one.over_seeds
    assert over_seeds is not None
    assert over_seeds.mean == pytest.approx(7 / 12)
    # Deviations -1/12, 2/12, -1/12: variance 6/144 / 2 = 1/48.
    reach = T_OF_2 * math.sqrt(1 / 48) / math.sqrt(3)
    assert over_seeds.interval == Interval(
        pytest.approx(7 / 12 - reach, abs=1e-6), pytest.approx(7 / 12 + reach, abs=1e-6)
    )


def test_a_seed_outside_the_curve_leaves_no_mean_of_the_others() -> None:
    by_seed = {0: (flat(s=0.3), BASELINE), 1: (flat(s=0.6), BASELINE)}
    one = saving("s", (flat(s=0.45), BASELINE), by_seed)
    assert one.saved == pytest.approx(1 - 1 / 8)
    assert one.outside == {1: Outside.ABOVE}
    assert one.over_seeds is None


def test_a_seed_that_lacks_a_model_is_left_out() -> None:
    by_seed = {
        0: (flat(s=0.3), BASELINE),
        1: (flat(m=0.3), BASELINE),
        2: (flat(s=0.3), flat(s=0.2, l=0.5)),
    }
    assert saving("s", (flat(s=0.3), BASELINE), by_seed).by_seed.keys() == {0}
