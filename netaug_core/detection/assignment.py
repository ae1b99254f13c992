"""Which anchors are to find which objects: what the losses are made from.

It depends on the objects alone, so the passes of a step share it. B pictures, N anchors, M objects,
P pairs of an anchor and its object.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Assignment:
    """What a batch's anchors should say.

    Attributes:
        anchors: (P,) int64, places in the flat (B x N); ascending, each once.
        boxes: (P, 4), of their objects: left, top, right, bottom in pixels.
        labels: (P,) int64, of their objects.
        counted: (B, N) bool: the others are neither right nor wrong.
        mean_pairs: P, or its mean over the devices that share the batch: what a loss is divided by.
    """

    anchors: Tensor
    boxes: Tensor
    labels: Tensor
    counted: Tensor
    mean_pairs: float

    @classmethod
    def of(cls, anchors: Tensor, boxes: Tensor, labels: Tensor, counted: Tensor) -> "Assignment":
        """Of a device on its own."""
        return cls(anchors, boxes, labels, counted, float(len(anchors)))

    @property
    def is_object(self) -> Tensor:
        """(B, N) bool: anchors with an object."""
        marked = torch.zeros_like(self.counted).view(-1)
        marked[self.anchors] = True
        return marked.view_as(self.counted)

    def first(self, count: int) -> "Assignment":
        """That of the first `count` pictures."""
        kept = self.anchors < count * self.counted.shape[1]
        return Assignment.of(
            self.anchors[kept], self.boxes[kept], self.labels[kept], self.counted[:count]
        )


@dataclass(frozen=True)
class LossTerms:
    """A pass's loss, by what it teaches; scalars with graph."""

    boxes: Tensor
    objectness: Tensor
    classes: Tensor

    @property
    def total(self) -> Tensor:
        return self.boxes + self.objectness + self.classes


def latest(places: Tensor, count: int) -> Tensor:
    """Which object has each place: the last of those that want it; -1: nobody does.

    Args:
        places: (M,) int64 that each object wants.
        count: of all places.

    Returns:
        (count,) int64.
    """
    owners = torch.full((count,), -1, dtype=torch.int64, device=places.device)
    numbers = torch.arange(len(places), device=places.device)
    return owners.scatter_reduce(0, places, numbers, "amax")


def most_overlap(overlaps: Tensor, picture: Tensor, num_pictures: int) -> Tensor:
    """(B, N): each anchor's largest overlap with an object of its picture; 0 without one.

    Args:
        overlaps: (M, N).
        picture: (M,) of each object.
        num_pictures: B.
    """
    most = overlaps.new_zeros(num_pictures, overlaps.shape[1])
    return most.scatter_reduce(0, picture[:, None].expand_as(overlaps), overlaps, "amax")
