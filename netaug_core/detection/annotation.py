"""What is known of one picture, whichever format said so: where which objects are.

A box is (left, top, right, bottom) in pixels of the picture, in continuous coordinates: pixel
number k covers [k, k + 1), so the box of the whole picture is (0, 0, width, height). Readers turn
their format's convention into this one, once.

n objects of a picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # (n, 4)
Labels = NDArray[np.int64]  # (n,)
Flags = NDArray[np.bool_]  # (n,)
Areas = NDArray[np.float64]  # (n,)


@dataclass(frozen=True, eq=False)
class Annotation:
    """The objects of a picture; none is fine.

    Attributes:
        width: of the picture as it is seen (upright), in pixels.
        height: likewise.
        boxes: (n, 4); none is empty, none leaves the picture.
        labels: (n,), numbers of classes.
        difficult: (n,), objects that Pascal VOC asks nobody to find.
        crowd: (n,), COCO's regions of many objects that nobody told apart.
        areas: (n,) in pixels, of the object where it is known, else of its box.
    """

    width: int
    height: int
    boxes: Boxes
    labels: Labels
    difficult: Flags
    crowd: Flags
    areas: Areas

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ignored(self) -> Flags:
        """(n,), finding these is neither right nor wrong."""
        return self.difficult | self.crowd

    def equals(self, other: "Annotation") -> bool:
        """To the last bit."""
        sizes = (self.width, self.height) == (other.width, other.height)
        return sizes and all(
            np.array_equal(mine, theirs)
            for mine, theirs in (
                (self.boxes, other.boxes),
                (self.labels, other.labels),
                (self.difficult, other.difficult),
                (self.crowd, other.crowd),
                (self.areas, other.areas),
            )
        )


def box_areas(boxes: NDArray[np.floating]) -> Areas:
    """(n,) areas of boxes (n, 4)."""
    wide = boxes.astype(np.float64)
    return np.asarray((wide[:, 2] - wide[:, 0]) * (wide[:, 3] - wide[:, 1]))
