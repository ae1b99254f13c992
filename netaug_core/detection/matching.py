"""Which detections of a class are right: Pascal VOC's rule.

In order of score each detection takes the object of its picture that it overlaps most. It is right
if the overlap (intersection over union) is at least the threshold and no better detection took that
object before; it does not count if the object is to be ignored; else it is wrong.

Source: Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 2010, section 4.2.
n objects, k detections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.detection.annotation import Annotation, Boxes, Flags, Labels, box_areas

Scores = NDArray[np.float32]  # (k,)


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector finds in a picture; boxes in the convention of `Annotation`.

    Attributes:
        boxes: (k, 4).
        scores: (k,), the surer the higher.
        labels: (k,).
    """

    boxes: Boxes
    scores: Scores
    labels: Labels


@dataclass(frozen=True, eq=False)
class Curve:
    """What a class's detections are worth, from the surest on; those that do not count are gone.

    Attributes:
        num_objects: that had to be found.
        scores: (k,) descending.
        right: (k,) how many of the detections up to here are right.
        wrong: (k,) how many are wrong.
    """

    num_objects: int
    scores: Scores
    right: Labels
    wrong: Labels

    @property
    def precision(self) -> NDArray[np.float64]:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> NDArray[np.float64]:
        """NaN without objects."""
        if not self.num_objects:
            return np.full(len(self.right), np.nan)
        return self.right / self.num_objects

    def best_precision(self, recalls: NDArray[np.float64]) -> NDArray[np.float64]:
        """The best precision at each recall or a higher one, (r,); 0 where it is not reached.

        What a plot shows, at as many places as it needs; COCO's definition takes 101.
        """
        if not self.num_objects or not len(self.right):
            return np.zeros(len(recalls))
        envelope = np.maximum.accumulate(self.precision[::-1])[::-1]
        first = np.searchsorted(self.recall, recalls, side="left")
        return np.where(first < len(envelope), envelope[np.minimum(first, len(envelope) - 1)], 0.0)


def curve(
    truth: Sequence[Annotation],
    found: Sequence[Detections],
    label: int,
    *,
    least_overlap: float = 0.5,
) -> Curve:
    """The curve of one class over all pictures; `found` are those of the pictures of `truth`."""
    verdicts = [
        judge(annotation, detections, label, least_overlap)
        for annotation, detections in zip(truth, found, strict=True)
    ]
    scores = np.concatenate([one.scores for one in verdicts] or [np.zeros(0, np.float32)])
    is_right = np.concatenate([one.is_right for one in verdicts] or [np.zeros(0, np.bool_)])
    order = np.argsort(-scores, kind="stable")
    return Curve(
        num_objects=sum(int(((a.labels == label) & ~a.ignored).sum()) for a in truth),
        scores=scores[order],
        right=np.cumsum(is_right[order], dtype=np.int64),
        wrong=np.cumsum(~is_right[order], dtype=np.int64),
    )


def overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Intersection over union of (k, 4) and (n, 4) boxes, (k, n)."""
    left_top = np.maximum(boxes[:, None, :2], others[None, :, :2]).astype(np.float64)
    right_bottom = np.minimum(boxes[:, None, 2:], others[None, :, 2:]).astype(np.float64)
    shared = np.clip(right_bottom - left_top, 0, None).prod(axis=2)
    return np.asarray(shared / (box_areas(boxes)[:, None] + box_areas(others) - shared))


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Of the detections of a picture that count, the surest first.

    Attributes: scores: (k,). is_right: (k,).
    """

    scores: Scores
    is_right: Flags


def judge(
    annotation: Annotation, detections: Detections, label: int, least_overlap: float = 0.5
) -> Verdicts:
    """Which of a picture's detections of a class are right."""
    chosen = np.flatnonzero(detections.labels == label)
    chosen = chosen[np.argsort(-detections.scores[chosen], kind="stable")]
    scores = detections.scores[chosen]
    is_right = np.zeros(len(chosen), np.bool_)
    objects = annotation.labels == label
    if not objects.any() or not len(chosen):
        return Verdicts(scores, is_right)
    overlap = overlaps(detections.boxes[chosen], annotation.boxes[objects])
    ignored = annotation.ignored[objects]
    counts = np.ones(len(chosen), np.bool_)
    taken: set[int] = set()
    for row, (best, most) in enumerate(zip(overlap.argmax(1), overlap.max(1), strict=True)):
        if most < least_overlap:
            continue
        if ignored[best]:
            counts[row] = False
        elif int(best) not in taken:
            is_right[row] = True
            taken.add(int(best))
    return Verdicts(scores[counts], is_right[counts])
