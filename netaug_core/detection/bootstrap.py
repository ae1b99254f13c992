"""How sure a difference of two detectors' average precision is: a paired bootstrap over pictures.

Both are scored on the same pictures drawn with replacement, many times; the interval holds the
middle part of the differences. Source: Efron and Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13. R resamples, I pictures, k detections of a class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.detection.annotation import Annotation
from netaug_core.detection.average_precision import VOC07_STEPS, Definition
from netaug_core.detection.matching import Detections, judge
from netaug_core.statistics import LEVEL, Interval

RESAMPLES = 1000
AT_ONCE = 50  # resamples that are drawn together
MOST_NUMBERS = 1 << 24  # of an array (R, k)
SEED = 0
Weights = NDArray[np.float64]  # (R, I), how often each picture is drawn


@dataclass(frozen=True, eq=False)
class _OfClass:
    """A class's detections in all pictures, the surest first."""

    picture: NDArray[np.int64]
    is_right: NDArray[np.bool_]


def compare(
    truth: Sequence[Annotation],
    first: Sequence[Detections],
    second: Sequence[Detections],
    *,
    num_classes: int,
    definition: Definition,
) -> Interval:
    """The 95 % interval of the first one's mean average precision minus the second one's.

    Args:
        truth: of each picture.
        first: what one detector found, as many as `truth`.
        second: what the other one found.
        num_classes: a class that a resample has no objects of is left out of its means.
        definition: of average precision.
    """
    objects = np.stack(
        [
            [int(((one.labels == label) & ~one.ignored).sum()) for one in truth]
            for label in range(num_classes)
        ]
    ).astype(np.float64)  # (K, I)
    judged = [
        [_of_class(truth, found, label) for label in range(num_classes)]
        for found in (first, second)
    ]
    generator = np.random.default_rng(SEED)
    differences = []
    for _ in range(0, RESAMPLES, AT_ONCE):
        weights = generator.multinomial(
            len(truth), np.full(len(truth), 1 / len(truth)), AT_ONCE
        ).astype(np.float64)
        one, other = (_means(classes, objects, weights, definition) for classes in judged)
        differences.append(one - other)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(differences), [tail, 1 - tail])
    return Interval(float(low), float(high))


def _of_class(truth: Sequence[Annotation], found: Sequence[Detections], label: int) -> _OfClass:
    verdicts = [judge(one, other, label) for one, other in zip(truth, found, strict=True)]
    scores = np.concatenate([one.scores for one in verdicts])
    order = np.argsort(-scores, kind="stable")
    picture = np.repeat(np.arange(len(verdicts)), [len(one.scores) for one in verdicts])
    return _OfClass(picture[order], np.concatenate([one.is_right for one in verdicts])[order])


def _means(
    classes: Sequence[_OfClass],
    objects: NDArray[np.float64],
    weights: Weights,
    definition: Definition,
) -> NDArray[np.float64]:
    """Mean average precision of each resample, (R,)."""
    total, count = np.zeros(len(weights)), np.zeros(len(weights))
    for of_class, in_pictures in zip(classes, objects, strict=True):
        num_objects = weights @ in_pictures  # (R,)
        is_there = num_objects > 0
        values = _average_precision(of_class, weights, np.maximum(num_objects, 1), definition)
        total += np.where(is_there, values, 0.0)
        count += is_there
    return np.asarray(total / np.maximum(count, 1))


def _average_precision(
    of_class: _OfClass,
    weights: Weights,
    num_objects: NDArray[np.float64],
    definition: Definition,
) -> NDArray[np.float64]:
    """Of each resample, (R,); as in average_precision.py, pictures counted several times."""
    if not len(of_class.picture):
        return np.zeros(len(weights))
    rows = max(1, MOST_NUMBERS // len(of_class.picture))
    parts = [
        _average_precision_of(
            of_class, weights[at : at + rows], num_objects[at : at + rows], definition
        )
        for at in range(0, len(weights), rows)
    ]
    return np.concatenate(parts)


def _average_precision_of(
    of_class: _OfClass,
    weights: Weights,
    num_objects: NDArray[np.float64],
    definition: Definition,
) -> NDArray[np.float64]:
    drawn = weights[:, of_class.picture]  # (R, k)
    right = np.cumsum(drawn * of_class.is_right, axis=1)
    precision = right / np.maximum(np.cumsum(drawn, axis=1), 1)
    if definition == "voc10":
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        steps = np.diff(right, axis=1, prepend=0.0) / num_objects[:, None]
        return np.asarray((steps * envelope).sum(1))
    points = [
        np.where(right * VOC07_STEPS >= step * num_objects[:, None], precision, 0.0).max(1)
        for step in range(VOC07_STEPS + 1)
    ]
    return np.asarray(np.mean(points, axis=0))
