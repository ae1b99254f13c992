"""Multiplying an integer by a real factor with integers only, as TFLite's reference kernels do.

Source: tensorflow/lite/kernels/internal, QuantizeMultiplier in quantization_util.cc and
MultiplyByQuantizedMultiplier with double rounding in common.h; both roundings are gemmlowp's.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netaug_core.quantized.model import Multiplier

FRACTION_BITS = 31  # of a mantissa
LEAST_SHIFT = -31  # a factor below 2**-32 leaves nothing of any int32
MOST_SHIFT = 30
INT32 = np.iinfo(np.int32)


def multiplier(real: float) -> Multiplier:
    """The nearest multiplier of a factor.

    Raises:
        ValueError: the factor is negative, not finite or 2**30 and more.
    """
    if not (math.isfinite(real) and real >= 0):
        raise ValueError(f"a factor must be finite and not negative; got {real}")
    fraction, shift = math.frexp(real)
    # Half up; double holds the product and half a unit more exactly.
    mantissa = math.floor(math.ldexp(fraction, FRACTION_BITS) + 0.5)
    if mantissa == 1 << FRACTION_BITS:
        mantissa //= 2
        shift += 1
    if mantissa == 0 or shift < LEAST_SHIFT:
        return Multiplier(0, 0)
    if shift > MOST_SHIFT:
        raise ValueError(f"a factor must be below 2**{MOST_SHIFT}; got {real}")
    return Multiplier(mantissa, shift)


def requantise(
    values: NDArray[np.integer], mantissas: ArrayLike, shifts: ArrayLike
) -> NDArray[np.int64]:
    """Values times their factors, rounded twice: to 31 bits below the mantissa, then to integers.

    Args:
        values: of int32.
        mantissas: of one factor, or of one for each place of the last dimension.
        shifts: likewise.

    Raises:
        OverflowError: a value, shifted to the left, is none of int32.
    """
    shifts = np.asarray(shifts, np.int64)
    shifted = values.astype(np.int64) << np.maximum(shifts, 0)
    if shifted.size and (shifted.min() < INT32.min or shifted.max() > INT32.max):
        raise OverflowError("an accumulator does not fit 32 bits")
    high = _doubling_high_product(shifted, np.asarray(mantissas, np.int64))
    return _divided_by_power(high, np.maximum(-shifts, 0))


def _doubling_high_product(
    values: NDArray[np.int64], mantissas: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The products over 2**31, to the nearest; a half goes up.

    gemmlowp adds a nudge that depends on the sign and divides towards zero, which is the same; it
    saturates -2**31 * -2**31 only, and no mantissa is negative.
    """
    return (values * mantissas + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS


def _divided_by_power(values: NDArray[np.int64], exponents: NDArray[np.int64]) -> NDArray[np.int64]:
    """The quotients by 2**exponents, to the nearest; a half goes away from zero."""
    half = (np.int64(1) << exponents) >> 1
    # A negative half must stay below the next integer: one less than the half is added to it.
    return (values + half - ((values < 0) & (half > 0))) >> exponents
