"""What a method saves: MACs at which the baseline would score the same. Arithmetic alone.

A curve is a method's models as points, few MACs first; between two of them the score is linear in
the logarithm of the MACs, and beyond them it is not known.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from netaug_core.statistics import Estimate, estimate_mean

Curve = Mapping[str, "Point"]  # by model


@dataclass(frozen=True, order=True)
class Point:
    """A model: MACs of one image, and its score, 0..1."""

    macs: int
    score: float


class Outside(Enum):
    """Where a score lies that the baseline's curve does not have."""

    ABOVE = "not reached"
    BELOW = "below the baseline's range"


@dataclass(frozen=True)
class Saving:
    """What one model of a method saves.

    Attributes:
        own: the model, with its mean score.
        equal_macs: the baseline's at that score.
        by_seed: as a fraction of the baseline's MACs, by each seed's own scores.
        outside: seeds whose score the baseline's curve of that seed does not have.
    """

    own: Point
    equal_macs: float | Outside
    by_seed: Mapping[int, float]
    outside: Mapping[int, Outside]

    @property
    def saved(self) -> float | None:
        """By the means, as a fraction of the baseline's MACs; negative where it needs fewer."""
        return None if isinstance(self.equal_macs, Outside) else _saved(self.own, self.equal_macs)

    @property
    def over_seeds(self) -> Estimate | None:
        """None if a seed is outside: the mean of the others would be of chosen ones."""
        if self.outside or not self.by_seed:
            return None
        return estimate_mean(list(self.by_seed.values()))


def macs_at(points: Iterable[Point], score: float) -> float | Outside:
    """The fewest MACs at which a curve reaches a score.

    Raises:
        ValueError: there are no points.
    """
    curve = sorted(points)
    if not curve:
        raise ValueError("a curve needs at least one point")
    if score < curve[0].score:
        return Outside.BELOW
    if score == curve[0].score:
        return float(curve[0].macs)
    for low, high in itertools.pairwise(curve):
        if low.score < score <= high.score:
            part = (score - low.score) / (high.score - low.score)
            return low.macs * math.exp(part * math.log(high.macs / low.macs))
    return Outside.ABOVE


def saving(
    model: str,
    means: tuple[Curve, Curve],
    by_seed: Mapping[int, tuple[Curve, Curve]],
) -> Saving:
    """What a model saves.

    Args:
        model: of the method.
        means: the mean scores: the method's, and the baseline's.
        by_seed: each seed's scores likewise; a seed in which the method lacks the model, or the
            baseline one that it has in `means`, is left out.
    """
    own, baseline = means[0][model], means[1]
    saved: dict[int, float] = {}
    outside: dict[int, Outside] = {}
    for seed, (ours, theirs) in by_seed.items():
        if model not in ours or theirs.keys() != baseline.keys():
            continue
        equal = macs_at(theirs.values(), ours[model].score)
        if isinstance(equal, Outside):
            outside[seed] = equal
        else:
            saved[seed] = _saved(ours[model], equal)
    return Saving(own, macs_at(baseline.values(), own.score), saved, outside)


def _saved(own: Point, equal_macs: float) -> float:
    return 1.0 - own.macs / equal_macs
