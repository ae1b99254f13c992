"""Ranges and the integers that stand for them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.errors import NotQuantizable
from netaug_core.quantized.choosing import Histogram, choose
from netaug_core.quantized.model import Quantization
from netaug_core.quantized.ranges import Range

ENDS = st.floats(-1e6, 1e6).filter(lambda end: end == 0 or abs(end) > 1e-6)


@given(ENDS, ENDS)
def test_zero_is_exact_and_both_ends_are_within_a_step(low: float, high: float) -> None:
    whole = Range.of(min(low, high), max(low, high))

    found = whole.quantization("x")

    assert -128 <= found.zero_point <= 127
    assert float(np.float32(found.scale)) == found.scale
    ends = [found.scale * (q - found.zero_point) for q in (-128, 127)]
    slack = 0.51 * found.scale
    if whole.low < whole.high:
        assert ends[0] == pytest.approx(whole.low, abs=slack)
        assert ends[1] == pytest.approx(whole.high, abs=slack)


def test_the_range_of_a_relu_starts_at_the_lowest_integer() -> None:
    assert Range.of(0.5, 25.5) == Range(0.0, 25.5)
    assert Range(0.0, 25.5).quantization("x") == Quantization(float(np.float32(0.1)), -128)


def test_a_tensor_of_zeros_has_zero() -> None:
    assert Range(0.0, 0.0).quantization("x").zero_point == -128


@pytest.mark.parametrize("high", [math.nan, math.inf, 1e-40, 1e42])
def test_a_range_without_a_scale_is_refused_by_its_tensors_name(high: float) -> None:
    with pytest.raises(NotQuantizable, match=r"blocks\.3\.add: 8 bits have no scale for values"):
        Range(-0.0, high).quantization("blocks.3.add")


def histogram(values: np.ndarray) -> Histogram:
    found = Histogram.empty(Range.of(float(values.min()), float(values.max())))
    found.add(values)
    return found


def error(values: np.ndarray, chosen: Range) -> float:
    found = chosen.quantization("x")
    steps = np.clip(np.rint(values / found.scale) + found.zero_point, -128, 127)
    return float(((found.scale * (steps - found.zero_point) - values) ** 2).mean())


def heavy_tailed() -> np.ndarray:
    values = np.random.default_rng(0).normal(0, 1, 100_000).astype(np.float32)
    values[:2] = (80.0, -40.0)
    return values


def test_min_max_is_the_whole_range() -> None:
    values = heavy_tailed()

    assert choose(histogram(values), "min_max") == Range(-40.0, 80.0)


def test_percentile_leaves_a_ten_thousandth_outside_at_each_end() -> None:
    values = heavy_tailed()

    chosen = choose(histogram(values), "percentile")

    width = 120 / 2048  # of a bin
    assert chosen.low == pytest.approx(np.quantile(values, 1e-4), abs=width)
    assert chosen.high == pytest.approx(np.quantile(values, 1 - 1e-4), abs=width)


def test_percentile_keeps_a_plain_range_as_it_is() -> None:
    values = np.linspace(0, 8, 1000, dtype=np.float32)

    chosen = choose(histogram(values), "percentile")

    assert chosen.low == 0
    assert chosen.high == pytest.approx(8, abs=8 / 2048)


def test_mse_errs_less_than_the_whole_range_and_than_any_other_share_of_it() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400_000).astype(np.float32)
    values[0] = 9.0  # dear to cut off, dear to keep

    chosen = choose(histogram(values), "mse")

    least = error(values, chosen)
    assert least < 0.75 * error(values, choose(histogram(values), "min_max"))
    for low in np.linspace(values.min(), 0, 15)[:-1]:
        for high in np.linspace(0, values.max(), 15)[1:]:
            assert least <= error(values, Range(float(low), float(high))) * 1.02


def test_a_histogram_counts_everything_it_is_given() -> None:
    values = heavy_tailed()
    found = Histogram.empty(Range(-40.0, 80.0))

    for part in np.split(values, 4):
        found.add(part)

    assert found.counts.sum() == len(values)
    exact = np.histogram(values, 2048, (-40, 80))[0]
    assert np.abs(found.counts - exact).sum() <= 20  # float32 at the edges of the parts
