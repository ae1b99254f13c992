"""Quantiles of Student's t, which the standard library lacks."""

import math

TINY = 1e-300  # stands for 0 in a continued fraction (Lentz)
PRECISION = 1e-15
MAX_TERMS = 10_000


def t_quantile(probability: float, degrees: int) -> float:
    """The value below which Student's t lies with this probability; relative error under 1e-9.

    Raises:
        ValueError: the probability is not between 0 and 1, or degrees is below 1.
    """
    if not 0.0 < probability < 1.0 or degrees < 1:
        raise ValueError(
            f"t needs a probability between 0 and 1 and at least 1 degree of freedom; "
            f"got {probability} and {degrees}"
        )
    if probability < 0.5:
        return -t_quantile(1.0 - probability, degrees)
    outside = 2.0 * (1.0 - probability)
    low, high = 0.0, 1.0
    while probability_outside(high, degrees) > outside:
        low, high = high, high * 2.0
    while (middle := (low + high) / 2.0) not in (low, high):
        if probability_outside(middle, degrees) > outside:
            low = middle
        else:
            high = middle
    return middle


def probability_outside(t: float, degrees: int) -> float:
    """P(|T| > |t|) = I_x(n/2, 1/2) with x = n / (n + t^2), n degrees of freedom."""
    return incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for x in 0..1.

    Source: NIST DLMF 8.17.22 (continued fraction) and 8.17.4 (symmetry, for quick convergence).
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    log_factor = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_factor += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_factor) / a / _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, by the modified Lentz algorithm."""
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, MAX_TERMS):
        m = term // 2
        if term % 2 == 0:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        lower = 1.0 / ((1.0 + d * lower) or TINY)
        upper = (1.0 + d / upper) or TINY
        value *= upper * lower
        if abs(upper * lower - 1.0) < PRECISION:
            return value
    raise ArithmeticError(f"no convergence of the incomplete beta function at {a}, {b}, {x}")
