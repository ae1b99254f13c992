"""COCO's scores of detection, by its own program (pycocotools).

Difficult objects, which COCO does not know, are ignored as objects of another size are: a
detection of one counts neither for nor against, but each absorbs one detection only.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO  # type: ignore[import-untyped]  # ships no types
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]  # ships no types

from netaug_core.detection.annotation import Annotation
from netaug_core.detection.matching import Detections

MOST_DETECTIONS = 100  # of a picture, the surest ones; as COCO has it
AREAS = ("all", "small", "medium", "large")  # below 32 x 32, to 96 x 96, above
HALF, THREE_QUARTERS = 0, 5  # places in the overlaps 0.50, 0.55, ..., 0.95
ABSENT = -1  # what the program says of a class without objects
Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class CocoClassScore:
    """Scores of a class in 0..1, None without objects.

    Attributes:
        ap: mean over the overlaps 0.50 to 0.95.
        ap50: at an overlap of 0.50.
        precision50: (101,) at the recalls 0, 0.01, ..., 1, at an overlap of 0.50; None likewise.
    """

    name: str
    ap: float | None
    ap50: float | None
    precision50: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class CocoScore:
    """Means over the classes that have objects; None where no class has (of such a size)."""

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    classes: tuple[CocoClassScore, ...]


def score(
    truth: Sequence[Annotation], found: Sequence[Detections], class_names: Sequence[str]
) -> CocoScore:
    """COCO's numbers for the detections of each picture, as many as `truth`."""
    precision = _precision(truth, found, class_names)  # (T, R, K, A)
    everything = precision[..., AREAS.index("all")]
    small, medium, large = (_mean(precision[..., AREAS.index(area)]) for area in AREAS[1:])
    return CocoScore(
        ap=_mean(everything),
        ap50=_mean(everything[HALF]),
        ap75=_mean(everything[THREE_QUARTERS]),
        ap_small=small,
        ap_medium=medium,
        ap_large=large,
        classes=tuple(
            _class_score(name, everything[:, :, label]) for label, name in enumerate(class_names)
        ),
    )


def _class_score(name: str, precision: NDArray[np.float64]) -> CocoClassScore:
    """`precision` (T, R)."""
    is_absent = bool((precision == ABSENT).all())
    return CocoClassScore(
        name, _mean(precision), _mean(precision[HALF]), None if is_absent else precision[HALF]
    )


def _mean(precision: NDArray[np.float64]) -> float | None:
    there = precision[precision != ABSENT]
    return float(there.mean()) if there.size else None


class _Evaluation(COCOeval):  # type: ignore[misc]  # ships no types
    """Ignores what VOC calls difficult: the program itself looks at `iscrowd` only."""

    def _prepare(self) -> None:
        super()._prepare()
        for objects in self._gts.values():
            for one in objects:
                one["ignore"] = one["ignore"] or one["difficult"]


def _precision(
    truth: Sequence[Annotation], found: Sequence[Detections], class_names: Sequence[str]
) -> NDArray[np.float64]:
    """(T, R, K, A): overlaps, recalls, classes, areas."""
    known = [
        _row(image, annotation, row)
        for image, annotation in enumerate(truth, 1)
        for row in range(len(annotation))
    ]
    claimed = [
        _claim(image, detections, row)
        for image, (detections, _) in enumerate(zip(found, truth, strict=True), 1)
        for row in _counted(detections)
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        evaluation = _Evaluation(
            *(_indexed(rows, len(truth), class_names) for rows in (known, claimed)), "bbox"
        )
        evaluation.params.maxDets = [MOST_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    precision: NDArray[np.float64] = evaluation.eval["precision"][..., 0]
    return precision


def _counted(detections: Detections) -> list[int]:
    """Of each class those that the program looks at, in their order."""
    kept: list[int] = []
    for label in np.unique(detections.labels):
        rows = np.flatnonzero(detections.labels == label)
        surest = np.argsort(-detections.scores[rows], kind="stable")[:MOST_DETECTIONS]
        kept += rows[surest].tolist()
    return sorted(kept)


def _indexed(rows: list[Json], num_images: int, class_names: Sequence[str]) -> COCO:
    for number, row in enumerate(rows, 1):  # from 1 on: 0 means unmatched there
        row["id"] = number
    dataset = COCO()
    dataset.dataset = {
        "images": [{"id": image} for image in range(1, num_images + 1)],
        "annotations": rows,
        "categories": [{"id": n, "name": name} for n, name in enumerate(class_names, 1)],
    }
    dataset.createIndex()
    return dataset


def _row(image: int, annotation: Annotation, row: int) -> Json:
    return {
        "image_id": image,
        "category_id": int(annotation.labels[row]) + 1,
        "bbox": _as_coco(annotation.boxes[row]),
        "area": float(annotation.areas[row]),
        "iscrowd": int(annotation.crowd[row]),
        "difficult": int(annotation.difficult[row]),
    }


def _claim(image: int, detections: Detections, row: int) -> Json:
    box = _as_coco(detections.boxes[row])
    return {
        "image_id": image,
        "category_id": int(detections.labels[row]) + 1,
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
        "difficult": 0,
        "score": float(detections.scores[row]),
    }


def _as_coco(box: NDArray[np.float32]) -> list[float]:
    """Left, top, width, height."""
    left, top, right, bottom = (float(side) for side in box)
    return [left, top, right - left, bottom - top]
