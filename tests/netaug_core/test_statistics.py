"""Intervals against published examples and against arithmetic by hand."""

import math

import pytest

from netaug_core.statistics import (
    Interval,
    PairedAnswers,
    compare_answers,
    compare_pairs,
    estimate_mean,
    pair_answers,
    wilson_interval,
)


def test_the_mean_of_five_seeds_has_students_interval() -> None:
    estimate = estimate_mean([1.0, 2.0, 3.0, 4.0, 5.0])
    # s = sqrt(2.5), t(0.975, 4) = 2.7764451
    reach = 2.7764451 * math.sqrt(2.5 / 5)
    assert estimate.mean == 3.0
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(3.0 - reach, abs=1e-6)
    assert estimate.interval.high == pytest.approx(3.0 + reach, abs=1e-6)


def test_one_value_tells_no_spread() -> None:
    assert estimate_mean([0.5]).interval is None


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf]])
def test_a_mean_of_nothing_or_of_nan_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        estimate_mean(values)


def test_pairs_are_compared_seed_by_seed_and_not_mean_by_mean() -> None:
    # The seeds differ by far more than the methods: unpaired, nothing could be told.
    comparison = compare_pairs([10.1, 20.2, 30.1], [10.0, 20.0, 30.0])
    assert comparison.difference.mean == pytest.approx(0.4 / 3)
    assert comparison.difference.interval is not None
    # differences 0.1 0.2 0.1: s = 0.057735, t(0.975, 2) = 4.302653
    reach = 4.302653 * 0.0577350 / math.sqrt(3)
    assert comparison.difference.interval.low == pytest.approx(0.4 / 3 - reach, abs=1e-6)
    assert (comparison.wins, comparison.losses, comparison.ties) == (3, 0, 0)


def test_wins_losses_and_ties_are_counted() -> None:
    comparison = compare_pairs([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 4.0, 5.0])
    assert (comparison.wins, comparison.losses, comparison.ties) == (1, 2, 1)


def test_pairs_of_unequal_number_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        compare_pairs([1.0], [1.0, 2.0])


def test_an_interval_excludes_zero_on_either_side() -> None:
    assert Interval(0.1, 0.2).excludes_zero
    assert Interval(-0.2, -0.1).excludes_zero
    assert not Interval(-0.1, 0.1).excludes_zero


def test_answers_are_paired_image_by_image() -> None:
    answers = pair_answers([True, True, False, False, True], [True, False, True, False, False])
    assert answers == PairedAnswers(both=1, only_first=2, only_second=1, neither=1)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        pair_answers([True], [True, False])


def test_newcombes_published_example_is_reproduced() -> None:
    # Statistics in Medicine 17 (1998) 2635-2650, method 10: 36, 12, 2, 0 give 0.0569 to 0.3404.
    estimate = compare_answers(PairedAnswers(both=36, only_first=12, only_second=2, neither=0))
    assert estimate.mean == pytest.approx(0.2)
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(0.0569, abs=5e-5)
    assert estimate.interval.high == pytest.approx(0.3404, abs=5e-5)


def test_swapping_the_models_mirrors_the_interval() -> None:
    one = compare_answers(PairedAnswers(8700, 180, 120, 1000)).interval
    other = compare_answers(PairedAnswers(8700, 120, 180, 1000)).interval
    assert one is not None
    assert other is not None
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_on_many_images_the_interval_is_the_normal_approximation() -> None:
    # Wald, paired: difference -+ 1.96 sqrt((b + c) / n^2 - (b - c)^2 / n^3)
    answers = PairedAnswers(both=8700, only_first=180, only_second=120, neither=1000)
    error = math.sqrt(300 / 10_000**2 - 60**2 / 10_000**3)
    interval = compare_answers(answers).interval
    assert interval is not None
    # Newcombe's is a little wider by its continuity correction.
    assert interval.low == pytest.approx(0.006 - 1.96 * error, abs=1e-4)
    assert interval.high == pytest.approx(0.006 + 1.96 * error, abs=1e-4)


def test_two_models_that_never_fail_still_have_a_width() -> None:
    interval = compare_answers(PairedAnswers(54, 0, 0, 0)).interval
    assert interval is not None
    assert interval.low == pytest.approx(-interval.high)
    assert interval.high > 0.05


def test_no_images_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="at least one test image"):
        compare_answers(PairedAnswers(0, 0, 0, 0))


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: 81 of 263 give 0.2553 to 0.3662.
    interval = wilson_interval(81, 263)
    assert interval.low == pytest.approx(0.2553, abs=5e-5)
    assert interval.high == pytest.approx(0.3662, abs=5e-5)
