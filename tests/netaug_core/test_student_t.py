"""Student's t against printed tables and against what it becomes for many degrees of freedom."""

import math
import statistics

import pytest

from netaug_core.student_t import incomplete_beta, probability_outside, t_quantile


# Any printed table of t; three decimals are printed.
@pytest.mark.parametrize(
    ("probability", "degrees", "printed"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 4, 2.776),
        (0.975, 9, 2.262),
        (0.975, 30, 2.042),
        (0.95, 5, 2.015),
        (0.995, 3, 5.841),
        (0.9995, 10, 4.587),
        (0.025, 4, -2.776),
    ],
)
def test_quantiles_are_those_of_printed_tables(
    probability: float, degrees: int, printed: float
) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.99, 0.999999])
def test_one_degree_of_freedom_is_cauchys_distribution(probability: float) -> None:
    cauchy = math.tan(math.pi * (probability - 0.5))
    assert t_quantile(probability, 1) == pytest.approx(cauchy, rel=1e-9, abs=1e-12)


def test_two_degrees_of_freedom_have_a_closed_form() -> None:
    t = 3.0
    assert probability_outside(t, 2) == pytest.approx(1.0 - t / math.sqrt(2.0 + t * t), rel=1e-13)


def test_many_degrees_of_freedom_come_near_the_normal_distribution() -> None:
    normal = statistics.NormalDist().inv_cdf(0.975)
    assert t_quantile(0.975, 10_000_000) == pytest.approx(normal, rel=1e-6)


def test_the_beta_function_of_whole_numbers_is_a_binomial_sum() -> None:
    binomial = sum(math.comb(6, k) * 0.3**k * 0.7 ** (6 - k) for k in range(2, 7))
    assert incomplete_beta(2.0, 5.0, 0.3) == pytest.approx(binomial, rel=1e-13)
    assert incomplete_beta(2.0, 5.0, 0.0) == 0.0
    assert incomplete_beta(2.0, 5.0, 1.0) == 1.0


@pytest.mark.parametrize(("probability", "degrees"), [(0.0, 4), (1.0, 4), (0.975, 0)])
def test_what_has_no_quantile_is_refused(probability: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="degree of freedom"):
        t_quantile(probability, degrees)
