"""The shapes of YOLOv3's anchors: found in a dataset, or given. Torch-free.

Source: Redmon and Farhadi, YOLO9000, 2017, section 2: k-means over the objects' sizes by the
distance 1 - IoU, boxes put on a common centre.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.detectors.table import Detector, Shape

Shapes: TypeAlias = NDArray[np.float64]  # (n, 2)
MOST_ROUNDS = 300  # it settles long before


def find(shapes: Shapes, count: int, *, seed: int) -> tuple[Shape, ...]:
    """The centres of `count` clusters, by area; the same seed finds the same.

    Args:
        shapes: (n, 2), width and height of every object at the network's input.
        count: anchors at all scales together.
        seed: draws the first centres, far from each other (k-means++).

    Raises:
        ValueError: the objects have fewer different shapes than that.
    """
    distinct = np.unique(shapes, axis=0)
    if len(distinct) < count:
        raise ValueError(
            f"anchors: {count} shapes cannot be found in {len(distinct)} different sizes of "
            "objects; give the anchors, or use more pictures"
        )
    centres = _first_centres(shapes, count, np.random.default_rng(seed))
    nearest = np.full(len(shapes), -1)
    for _ in range(MOST_ROUNDS):
        overlaps = overlap(shapes, centres)
        before, nearest = nearest, overlaps.argmax(1)
        if np.array_equal(before, nearest):
            break
        centres = _means(shapes, nearest, overlaps)
    ordered = centres[np.argsort(centres.prod(1), kind="stable")]
    return tuple((float(width), float(height)) for width, height in ordered)


def overlap(some: Shapes, others: Shapes) -> Shapes:
    """IoU of each shape with each other one, on a common centre: (n, m)."""
    common = np.minimum(some[:, None], others[None]).prod(2)
    together: Shapes = some.prod(1)[:, None] + others.prod(1)[None] - common
    overlaps: Shapes = common / together
    return overlaps


def by_level(anchors: Sequence[Shape], detector: Detector) -> list[tuple[Shape, ...]]:
    """The anchors of each level in the detector's order: small ones where strides are small.

    Raises:
        ValueError: there are more or fewer than the detector has, or one is no size.
    """
    each, wanted = detector.anchors_per_cell, detector.anchors_per_cell * len(detector.levels)
    if len(anchors) != wanted:
        raise ValueError(
            f"anchors: {detector.kind} needs {wanted} shapes, {each} at each of "
            f"{len(detector.levels)} scales; got {len(anchors)}"
        )
    for index, (width, height) in enumerate(anchors):
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise ValueError(
                f"anchors.{index}: a width and a height in pixels above 0; got {width}, {height}"
            )
    ordered = sorted(anchors, key=lambda shape: shape[0] * shape[1])
    strides = sorted(level.stride for level in detector.levels)
    ranks = [strides.index(level.stride) for level in detector.levels]
    return [tuple(ordered[rank * each : (rank + 1) * each]) for rank in ranks]


def _first_centres(shapes: Shapes, count: int, generator: np.random.Generator) -> Shapes:
    """Each drawn with the square of its distance to those before (Arthur, Vassilvitskii 2007)."""
    first = generator.integers(len(shapes))
    centres: Shapes = shapes[first : first + 1]
    while len(centres) < count:
        weights = (1 - overlap(shapes, centres).max(1)).clip(0) ** 2
        drawn = generator.choice(len(shapes), p=weights / weights.sum())
        centres = np.concatenate([centres, shapes[drawn : drawn + 1]])
    return centres


def _means(shapes: Shapes, nearest: NDArray[np.intp], overlaps: Shapes) -> Shapes:
    """Mean shape of each cluster; one that is empty gets the shape that fits its own worst."""
    count = overlaps.shape[1]
    members = np.bincount(nearest, minlength=count)
    sums = np.stack(
        [np.bincount(nearest, weights=side, minlength=count) for side in shapes.T], axis=1
    )
    worst = shapes[overlaps.max(1).argmin()]
    means: Shapes = np.where(members[:, None] > 0, sums / members.clip(1)[:, None], worst)
    return means
