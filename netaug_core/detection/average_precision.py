"""Pascal VOC's scores of detection: average precision in both of its definitions.

A class that has no objects in the pictures has no score (None) and no part in the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netaug_core.detection.annotation import Annotation
from netaug_core.detection.matching import Curve, Detections, curve

Definition = Literal["voc07", "voc10"]
VOC07_STEPS = 10  # recalls 0, 1/10, ..., 1


@dataclass(frozen=True, eq=False)
class ClassScore:
    """Attributes: average_precision: in 0..1; None without objects."""

    name: str
    average_precision: float | None
    curve: Curve


@dataclass(frozen=True, eq=False)
class VocScore:
    """Attributes: mean: over the classes that have objects; NaN if none has."""

    definition: Definition
    mean: float
    classes: tuple[ClassScore, ...]


def score(
    truth: Sequence[Annotation],
    found: Sequence[Detections],
    class_names: Sequence[str],
    definition: Definition = "voc10",
) -> VocScore:
    """Mean average precision at an overlap of 0.5. Difficult objects and crowds do not count.

    Args:
        truth: of each picture.
        found: in each picture, as many as `truth`.
        class_names: by label.
        definition: "voc07", the mean over eleven recalls, as the challenges up to 2009; "voc10",
            the area below the curve, as those since 2010.
    """
    measure = eleven_points if definition == "voc07" else area
    classes = []
    for label, name in enumerate(class_names):
        of_class = curve(truth, found, label)
        value = measure(of_class) if of_class.num_objects else None
        classes.append(ClassScore(name, value, of_class))
    return VocScore(definition, mean(classes), tuple(classes))


def mean(classes: Sequence[ClassScore]) -> float:
    values = [one.average_precision for one in classes if one.average_precision is not None]
    return float(np.mean(values)) if values else float("nan")


def eleven_points(of_class: Curve) -> float:
    """Mean of the best precision at a recall of at least 0, 0.1, ..., 1; 0 where it is not reached.

    Compared in whole numbers: 3 of 10 objects do reach a recall of 0.3, which 0.1 * 3 in floating
    point denies.
    """
    precision = of_class.precision
    total = 0.0
    for step in range(VOC07_STEPS + 1):
        reached = of_class.right * VOC07_STEPS >= step * of_class.num_objects
        total += float(precision[reached].max(initial=0.0))
    return total / (VOC07_STEPS + 1)


def area(of_class: Curve) -> float:
    """Area below the curve of the best precision at each recall or a higher one."""
    envelope = np.maximum.accumulate(of_class.precision[::-1])[::-1]
    steps = np.diff(of_class.recall, prepend=0.0)
    return float((steps * envelope).sum())
