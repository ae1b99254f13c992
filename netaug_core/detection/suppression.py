"""From boxes and scores of all anchors to what was found in each picture.

N anchors, K classes, n found in a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms  # type: ignore[import-untyped]  # ships no types

from netaug_core.detection.matching import Detections
from netaug_core.detection.placement import Placement


@dataclass(frozen=True)
class Limits:
    """What is kept.

    Attributes:
        least_score: below it a box is nothing.
        overlap: IoU from which a less sure box of the same class goes.
        candidates: of a picture that are looked at, the surest.
        per_picture: that are kept; COCO scores 100.
    """

    least_score: float = 0.005  # as YOLOv3's authors evaluate
    overlap: float = 0.45  # likewise
    candidates: int = 1000
    per_picture: int = 100


@dataclass(frozen=True)
class Found:
    """In one picture, the surest first: boxes (n, 4), scores (n,), labels (n,)."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


@torch.no_grad()
def suppress(boxes: Tensor, scores: Tensor, limits: Limits, *, input_size: int) -> list[Found]:
    """Non-maximum suppression in each class (torchvision.ops.batched_nms), picture by picture.

    Boxes are cut to the input first, as in torchvision's detectors: batched_nms sets classes apart
    by coordinates from 0 up, and a wild box would cost all others their precision.

    Args:
        boxes: (B, N, 4), in pixels of the input.
        scores: (B, N, K); an anchor may be of several classes.
        limits: what is kept.
        input_size: side of the input.
    """
    num_classes = scores.shape[2]
    every = scores.flatten(1)  # (B, N x K)
    top = every.topk(min(limits.candidates, every.shape[1]), dim=1)
    counts = (top.values > limits.least_score).sum(1).tolist()  # one wait for the device
    found = []
    for index, count in enumerate(counts):
        place, surest = top.indices[index, :count], top.values[index, :count]
        anchor, label = place // num_classes, place % num_classes
        candidates = boxes[index, anchor].clamp(0, input_size)
        kept = batched_nms(candidates, surest, label, limits.overlap)[: limits.per_picture]
        found.append(Found(candidates[kept], surest[kept], label[kept]))
    return found


def in_pictures(found: Sequence[Found], placements: Sequence[Placement]) -> list[Detections]:
    """The same in pixels of the pictures that the network's inputs were made from."""
    return [
        Detections(
            boxes=placement.undo(one.boxes).float().cpu().numpy(),
            scores=one.scores.float().cpu().numpy(),
            labels=one.labels.cpu().numpy(),
        )
        for one, placement in zip(found, placements, strict=True)
    ]
