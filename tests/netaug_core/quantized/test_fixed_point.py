"""Fixed-point factors against fractions, and against gemmlowp's code line by line."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.quantized import fixed_point
from netaug_core.quantized.fixed_point import multiplier, requantise
from netaug_core.quantized.model import Multiplier
from tests.netaug_core.quantized import scalar

FACTORS = st.floats(2**-31, 2.0**20)
INT32 = st.integers(-(2**31), 2**31 - 1)


@given(FACTORS)
def test_a_multiplier_is_the_factor_to_a_mantissas_precision(real: float) -> None:
    found = multiplier(real)

    value = Fraction(found.mantissa) * Fraction(2) ** (found.shift - 31)
    assert 2**30 <= found.mantissa < 2**31
    assert abs(value / Fraction(real) - 1) <= Fraction(1, 2**31)


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (1.0, Multiplier(2**30, 1)),
        (0.5, Multiplier(2**30, 0)),
        (0.75, Multiplier(3 * 2**29, 0)),
        (0.0, Multiplier(0, 0)),
        (1.0 - 2**-40, Multiplier(2**30, 1)),  # the mantissa rounds up to 2**31
        (2.0**-32, Multiplier(2**30, -31)),
        (2.0**-33, Multiplier(0, 0)),  # its shift would be -32
        (2.0**-32 * (1 - 2**-40), Multiplier(2**30, -31)),  # rounds up to the smallest
    ],
)
def test_the_edges_are_those_of_tflite(real: float, expected: Multiplier) -> None:
    assert multiplier(real) == expected


@pytest.mark.parametrize("real", [float("nan"), float("inf"), -1.0, 2.0**30])
def test_no_multiplier_stands_for_what_is_no_factor(real: float) -> None:
    with pytest.raises(ValueError, match="a factor must be"):
        multiplier(real)


@given(st.lists(INT32, min_size=1, max_size=20), st.integers(2**30, 2**31 - 1), st.integers(-31, 0))
def test_requantising_rounds_as_gemmlowp(values: list[int], mantissa: int, shift: int) -> None:
    found = requantise(np.array(values), mantissa, shift)

    factor = Multiplier(mantissa, shift)
    assert found.tolist() == [scalar.requantise(value, factor) for value in values]


@given(st.lists(st.integers(-500, 500), min_size=1), st.integers(-6, 20))
def test_halves_go_away_from_zero_but_for_a_negative_half_of_the_first_rounding(
    values: list[int], shift: int
) -> None:
    found = requantise(np.array(values), 2**30, shift)

    assert found.tolist() == [scalar.requantise(v, Multiplier(2**30, shift)) for v in values]


def test_each_channel_has_its_own_factor() -> None:
    values = np.array([[100, 100, 100], [-100, -100, -100]])
    factors = [multiplier(real) for real in (1.0, 0.25, 3.0)]

    found = requantise(values, [f.mantissa for f in factors], [f.shift for f in factors])

    assert found.tolist() == [[100, 25, 300], [-100, -25, -300]]


def test_a_shift_beyond_32_bits_is_refused() -> None:
    assert requantise(np.array([2**28 - 1]), 2**30, 3) == (2**28 - 1) * 4

    with pytest.raises(OverflowError, match="does not fit 32 bits"):
        requantise(np.array([2**28]), 2**30, 3)


def test_the_smallest_factor_still_rounds() -> None:
    factor = multiplier(2.0**-32)
    largest = np.array([fixed_point.INT32.max, fixed_point.INT32.min])

    # 2**31 / 2**32 is a half: first it becomes 2**30, then the half goes away from zero.
    assert requantise(largest, factor.mantissa, factor.shift).tolist() == [1, -1]
