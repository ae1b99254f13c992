"""Means and paired differences of a study's rows, against arithmetic by hand."""

import math

import pytest

from netaug_client.studies.results import Row
from netaug_client.studies.summary import Comparison, summarise
from netaug_core.statistics import Interval
from tests.netaug_client.studies import grids

T_OF_2 = 4.302653  # Student's t, 0.975, 2 degrees of freedom; printed in any table


def against_plain(method: str, rows: list[Row]) -> Comparison:
    summary = summarise(grids.study(), rows)
    return next(one for one in summary.against("w10", "plain") if one.group.method == method)


def test_a_group_has_the_mean_and_interval_over_its_seeds() -> None:
    group = summarise(grids.study(), grids.rows()).groups["w10", "plain"]
    assert group.mean is not None
    assert group.mean.mean == pytest.approx(0.85)
    # s of 0.80 0.90 0.85 is 0.05
    assert group.mean.interval is not None
    assert group.mean.interval.high == pytest.approx(0.85 + T_OF_2 * 0.05 / math.sqrt(3), abs=1e-6)
    assert group.seconds is not None
    assert group.seconds.mean == 11.0


def test_differences_are_paired_by_seed() -> None:
    one = against_plain("netaug", grids.rows())
    assert one.differences == pytest.approx({0: 0.02, 1: 0.01, 2: 0.03})
    assert one.pairs is not None
    assert one.pairs.difference.mean == pytest.approx(0.02)
    # s of 0.02 0.01 0.03 is 0.01
    reach = T_OF_2 * 0.01 / math.sqrt(3)
    assert one.pairs.difference.interval == Interval(
        pytest.approx(0.02 - reach, abs=1e-6), pytest.approx(0.02 + reach, abs=1e-6)
    )
    assert (one.pairs.wins, one.pairs.losses, one.pairs.ties) == (3, 0, 0)


def test_time_is_told_in_units_of_the_references_mean() -> None:
    assert against_plain("netaug", grids.rows()).relative_seconds == 3.0
    assert against_plain("longer", grids.rows()).relative_seconds == 2.0


def test_a_seed_that_one_of_both_lacks_is_in_no_pair() -> None:
    lost = grids.row("plain", 1, status="failed", test_accuracy=None)
    rows = [row for row in grids.rows() if (row.method, row.seed) != ("plain", 1)]
    one = against_plain("netaug", [*rows, lost])
    assert one.differences.keys() == {0, 2}
    assert one.pairs is not None
    assert one.pairs.difference.count == 2
    assert len(one.group.rows) == 3


def test_the_verdict_is_whether_the_interval_excludes_zero() -> None:
    clear = [grids.row("plain", seed, test_accuracy=0.8 + seed / 1000) for seed in range(3)]
    better = [grids.row("netaug", seed, test_accuracy=0.9) for seed in range(3)]
    worse = [grids.row("longer", seed, test_accuracy=0.7) for seed in range(3)]
    rows = [*clear, *better, *worse]
    assert against_plain("netaug", rows).verdict == "better"
    assert against_plain("longer", rows).verdict == "worse"
    assert against_plain("netaug", grids.rows()).verdict == "undecided"


def test_one_seed_decides_nothing() -> None:
    one = against_plain("netaug", [grids.row("plain", 0), grids.row("netaug", 0)])
    assert one.verdict == "too few seeds"


def test_nothing_in_common_is_no_comparison() -> None:
    one = against_plain("netaug", [grids.row("plain", 0), grids.row("netaug", 1)])
    assert one.pairs is None
    assert one.verdict == "too few seeds"


def test_a_reference_is_compared_with_all_others() -> None:
    summary = summarise(grids.study(), grids.rows())
    compared = [one.group.method for one in summary.against("w10", "longer")]
    assert compared == ["plain", "netaug"]


def test_the_metric_is_the_studys() -> None:
    summary = summarise(grids.study(metric="validation_accuracy"), grids.rows())
    mean = summary.groups["w10", "plain"].mean
    assert mean is not None
    assert mean.mean == pytest.approx(0.7)


def test_rows_of_other_seeds_and_methods_are_left_out() -> None:
    stray = [
        grids.row("plain", 0, test_accuracy=0.0).model_copy(update={"seed": 77}),
        grids.row("plain", 0, test_accuracy=0.0).model_copy(update={"method": "@big"}),
    ]
    summary = summarise(grids.study(), [*grids.rows(), *stray])
    assert summary.groups["w10", "plain"].values == {0: 0.80, 1: 0.90, 2: 0.85}
