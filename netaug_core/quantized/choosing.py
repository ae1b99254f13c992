"""Which part of a tensor's values 8 bits are spent on. What lies outside is cut off."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.quantized.ranges import HIGHEST, LOWEST, STEPS, Range

RangeChoice: TypeAlias = Literal["min_max", "percentile", "mse"]

BINS = 2048  # eight for each of the 256 steps
CUT_OFF = 1e-4  # the share of values that percentile leaves outside at each end
SHRUNK_TO = np.linspace(1.0, 0.2, 81)  # shares of an end that mse tries


@dataclass(frozen=True)
class Histogram:
    """How many values lie in each of the equal parts of a range."""

    whole: Range
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, whole: Range) -> "Histogram":
        return cls(whole, np.zeros(BINS, np.int64))

    def add(self, values: NDArray[np.float32]) -> None:
        width = self.whole.high - self.whole.low
        if width > 0:
            places = ((values.ravel() - np.float32(self.whole.low)) * (BINS / width)).astype(int)
            self.counts[:] += np.bincount(places.clip(0, BINS - 1), minlength=BINS)

    @property
    def edges(self) -> NDArray[np.float64]:
        return np.linspace(self.whole.low, self.whole.high, BINS + 1)

    @property
    def centres(self) -> NDArray[np.float64]:
        return (self.edges[1:] + self.edges[:-1]) / 2


def choose(histogram: Histogram, choice: RangeChoice) -> Range:
    """The range of a tensor with these values."""
    if choice == "min_max" or histogram.whole.low == histogram.whole.high:
        return histogram.whole
    return _percentile(histogram) if choice == "percentile" else _least_error(histogram)


def _percentile(histogram: Histogram) -> Range:
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    low = int(np.searchsorted(share, CUT_OFF, side="right"))
    high = int(np.searchsorted(share, 1 - CUT_OFF, side="left"))
    return Range.of(float(histogram.edges[low]), float(histogram.edges[high + 1]))


def _least_error(histogram: Histogram) -> Range:
    """Where the sum of squared errors is least: first the upper end is moved, then the lower."""
    low, high = histogram.whole.low, histogram.whole.high
    if high > 0:
        errors = [_error(histogram, low, high * share) for share in SHRUNK_TO]
        high *= float(SHRUNK_TO[int(np.argmin(errors))])
    if low < 0:
        errors = [_error(histogram, low * share, high) for share in SHRUNK_TO]
        low *= float(SHRUNK_TO[int(np.argmin(errors))])
    return Range(low, high)


def _error(histogram: Histogram, low: float, high: float) -> float:
    scale = (high - low) / STEPS
    zero_point = np.rint(LOWEST - low / scale)
    steps = np.clip(np.rint(histogram.centres / scale) + zero_point, LOWEST, HIGHEST)
    found = (steps - zero_point) * scale
    return float(((found - histogram.centres) ** 2 * histogram.counts).sum())
