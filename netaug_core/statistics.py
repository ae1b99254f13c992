"""How sure a comparison is: means, paired differences and their intervals. Standard library only.

Intervals of a few seeds are Student's t; of two models on the same test images, Newcombe's.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from netaug_core.student_t import t_quantile

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Estimate:
    """A mean of `count` values; the interval is None for one value, which tells no spread."""

    mean: float
    interval: Interval | None
    count: int


@dataclass(frozen=True)
class PairedComparison:
    """Differences of values that belong together in pairs, for example by seed."""

    difference: Estimate
    wins: int  # pairs in which the first value is greater
    losses: int

    @property
    def ties(self) -> int:
        return self.difference.count - self.wins - self.losses


@dataclass(frozen=True)
class PairedAnswers:
    """How many test images two models got right: both, only one of them, neither."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def count(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> int:
        return self.both + self.only_first

    @property
    def second(self) -> int:
        return self.both + self.only_second


def estimate_mean(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """The mean and its Student-t interval: mean -+ t * s / sqrt(n), s of n - 1 degrees of freedom.

    Raises:
        ValueError: there are no values, or one is not finite.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"a mean needs at least one value and finite ones; got {list(values)}")
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Estimate(mean, None, 1)
    error = statistics.stdev(values) / math.sqrt(len(values))
    reach = t_quantile((1.0 + level) / 2.0, len(values) - 1) * error
    return Estimate(mean, Interval(mean - reach, mean + reach), len(values))


def compare_pairs(
    first: Sequence[float], second: Sequence[float], level: float = LEVEL
) -> PairedComparison:
    """The first minus the second, pair by pair, with the Student-t interval of the mean difference.

    Raises:
        ValueError: the sequences differ in length, are empty, or hold what is not finite.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    return PairedComparison(
        difference=estimate_mean(differences, level),
        wins=sum(difference > 0.0 for difference in differences),
        losses=sum(difference < 0.0 for difference in differences),
    )


def pair_answers(first: Sequence[bool], second: Sequence[bool]) -> PairedAnswers:
    """Count right answers of two models to the same images, in the same order.

    Raises:
        ValueError: the sequences differ in length.
    """
    pairs = [(bool(a), bool(b)) for a, b in zip(first, second, strict=True)]
    return PairedAnswers(
        both=pairs.count((True, True)),
        only_first=pairs.count((True, False)),
        only_second=pairs.count((False, True)),
        neither=pairs.count((False, False)),
    )


def compare_answers(answers: PairedAnswers, level: float = LEVEL) -> Estimate:
    """Accuracy of the first model minus that of the second, on the same images.

    It tells how far the test images decide between these two trained models; it does not know how
    much another seed would change either.

    Raises:
        ValueError: there are no images.
    Source: Newcombe, Improved confidence intervals for the difference between binomial proportions
    based on paired data, Statistics in Medicine 17 (1998), method 10.
    """
    if answers.count == 0:
        raise ValueError("a comparison of two models needs at least one test image")
    first, second = answers.first / answers.count, answers.second / answers.count
    of_first = wilson_interval(answers.first, answers.count, level)
    of_second = wilson_interval(answers.second, answers.count, level)
    phi = _corrected_phi(answers)
    down, up = first - of_first.low, of_second.high - second
    below = math.sqrt(max(0.0, down * down - 2 * phi * down * up + up * up))
    up, down = of_first.high - first, second - of_second.low
    above = math.sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))
    difference = first - second
    return Estimate(difference, Interval(difference - below, difference + above), answers.count)


def _corrected_phi(answers: PairedAnswers) -> float:
    """Correlation of the answers; a positive one is reduced, as for continuity."""
    first, second, count = answers.first, answers.second, answers.count
    margins = first * (count - first) * second * (count - second)
    if margins == 0:
        return 0.0
    product: float = answers.both * answers.neither - answers.only_first * answers.only_second
    if product > 0:
        product = max(0.0, product - count / 2)
    return product / math.sqrt(margins)


def wilson_interval(successes: int, count: int, level: float = LEVEL) -> Interval:
    """The score interval of a proportion. Source: Wilson, JASA 22 (1927)."""
    z = statistics.NormalDist().inv_cdf((1.0 + level) / 2.0)
    share = successes / count
    spread = z * math.sqrt(z * z + 4 * count * share * (1.0 - share))
    middle, scale = 2 * count * share + z * z, 2 * (count + z * z)
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))
