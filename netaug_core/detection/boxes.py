"""The objects of a batch of pictures, in one ragged table: no padding to look past.

A box is (left, top, right, bottom) in pixels of the network's input. Coordinates are continuous:
pixel number k covers [k, k + 1), so the box of a whole picture of side S is (0, 0, S, S), a
width is right - left, and an area is never off by one.

B pictures, M objects in all of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Objects:
    """What there is to find in a batch.

    Attributes:
        boxes: (M, 4) float32, left, top, right, bottom; none is empty.
        labels: (M,) int64, number of the class.
        picture: (M,) int64, which picture of the batch it is in; ascending.
        ignore: (M,) bool, a crowd or a difficult object: finding it is neither right nor wrong.
    """

    boxes: Tensor
    labels: Tensor
    picture: Tensor
    ignore: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Objects":
        return Objects(
            boxes=self.boxes.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            picture=self.picture.to(device, non_blocking=True),
            ignore=self.ignore.to(device, non_blocking=True),
        )

    def take(self, chosen: Tensor) -> "Objects":
        """Some of them: `chosen` (M,) bool, or positions in ascending order."""
        return Objects(
            self.boxes[chosen], self.labels[chosen], self.picture[chosen], self.ignore[chosen]
        )
