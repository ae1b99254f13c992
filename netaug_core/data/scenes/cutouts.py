"""Things to paste: pictures of one object each, with what is around it cut away."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
SEEN = 128  # an alpha from here on belongs to the object


@dataclass(frozen=True, eq=False)
class Cutout:
    """Attributes: pixels: (h, w, 3). alpha: (h, w), 255 where the object hides what is behind."""

    pixels: Pixels
    alpha: Pixels
    label: int


class Cutouts(Protocol):
    """Those of one part: what is trained on and what is tested on share none."""

    def draw(self, random: np.random.Generator) -> Cutout:
        """A class, and one of its objects."""


def trimmed(cutout: Cutout) -> Cutout:
    """Without the rows and columns around the object."""
    seen = cutout.alpha >= SEEN
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    kept = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Cutout(cutout.pixels[kept], cutout.alpha[kept], cutout.label)
