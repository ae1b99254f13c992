"""A case small enough to be scored by hand, and one too large for that."""

import numpy as np

from netaug_core.detection.annotation import Annotation, box_areas
from netaug_core.detection.matching import Detections

Box = tuple[float, float, float, float]
A, B, C, D = (0, 0, 10, 10), (20, 0, 40, 20), (0, 0, 30, 30), (50, 50, 60, 60)
NOWHERE = (70, 70, 80, 80)


def truth_of(
    boxes: list[Box], *, difficult: list[bool] | None = None, label: int = 0
) -> Annotation:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    none = np.zeros(len(boxes), np.bool_)
    return Annotation(
        width=100,
        height=100,
        boxes=corners,
        labels=np.full(len(boxes), label, np.int64),
        difficult=none if difficult is None else np.array(difficult),
        crowd=none,
        areas=box_areas(corners),
    )


def found_of(*rows: tuple[Box, float], label: int = 0) -> Detections:
    return Detections(
        boxes=np.array([box for box, _ in rows], np.float32).reshape(-1, 4),
        scores=np.array([score for _, score in rows], np.float32),
        labels=np.full(len(rows), label, np.int64),
    )


def by_hand() -> tuple[list[Annotation], list[Detections]]:
    """Three objects to find, A, B and C, and a difficult one, D, in two pictures.

    In order of score: 0.9 finds A (right), 0.8 finds nothing (wrong), 0.7 finds B, though not
    exactly (right), 0.6 finds D (does not count), 0.5 finds A again (wrong). C is missed.
    """
    truth = [truth_of([A, B]), truth_of([C, D], difficult=[False, True])]
    nearly_b = (20, 0, 40, 16)  # overlaps B by 0.8
    found = [found_of((A, 0.9), (nearly_b, 0.7), (A, 0.5)), found_of((NOWHERE, 0.8), (D, 0.6))]
    return truth, found


def many(num_pictures: int = 60, num_classes: int = 3) -> tuple[list[Annotation], list[Detections]]:
    """Objects in cells of a grid, so that none overlaps another; one detection in twenty is wrong.

    Scores tell nothing: precision is about the same at every recall.
    """
    random = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(num_pictures):
        cells = np.stack(np.meshgrid(np.arange(8), np.arange(8)), -1).reshape(-1, 2)
        corners = cells * 100 + random.uniform(5, 15, cells.shape)
        boxes = np.concatenate([corners, corners + random.uniform(20, 80, cells.shape)], 1)
        chosen = random.random(len(boxes)) < 0.95
        labels = random.integers(0, num_classes, len(boxes))
        truth.append(_annotation(boxes[chosen], labels[chosen]))
        shaken = boxes + random.normal(0, 1.0, boxes.shape)
        scores = random.random(len(boxes))
        found.append(
            Detections(
                shaken.astype(np.float32), scores.astype(np.float32), labels.astype(np.int64)
            )
        )
    return truth, found


def _annotation(boxes: np.ndarray, labels: np.ndarray) -> Annotation:
    none = np.zeros(len(boxes), np.bool_)
    corners = boxes.astype(np.float32)
    return Annotation(800, 800, corners, labels.astype(np.int64), none, none, box_areas(corners))
