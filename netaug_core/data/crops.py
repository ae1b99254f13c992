"""Where a random resized crop lies in a picture. Pure arithmetic on uniform draws."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MIN_AREA = 0.08  # of the picture; the usual bounds of ImageNet training
MIN_ASPECT, MAX_ASPECT = 3 / 4, 4 / 3
CENTRE_FRACTION = 0.875  # the part of the short side that evaluation looks at, as for ImageNet
NUM_DRAWS = 4


class Box(NamedTuple):
    """Pixels, not rounded. Arrays if the draws were."""

    left: NDArray[np.float64]
    top: NDArray[np.float64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]


class PixelBox(NamedTuple):
    """Whole pixels; right and bottom are excluded."""

    left: int
    top: int
    right: int
    bottom: int


def random_resized(draws: NDArray[np.float64], width: int, height: int) -> Box:
    """A box of random area, aspect and place, inside a picture. `draws` (..., 4) in [0, 1)."""
    area = (MIN_AREA + (1 - MIN_AREA) * draws[..., 0]) * width * height
    low, high = math.log(MIN_ASPECT), math.log(MAX_ASPECT)
    aspect = np.exp(low + (high - low) * draws[..., 1])
    box_width = np.minimum(np.sqrt(area * aspect), width)
    box_height = np.minimum(np.sqrt(area / aspect), height)
    left = draws[..., 2] * (width - box_width)
    top = draws[..., 3] * (height - box_height)
    return Box(left, top, box_width, box_height)


def pixel_box(draws: NDArray[np.float64], width: int, height: int) -> PixelBox:
    """That box on whole pixels, for `draws` (4,)."""
    box = random_resized(draws, width, height)
    box_width, box_height = max(1, round(float(box.width))), max(1, round(float(box.height)))
    left = min(round(float(box.left)), width - box_width)
    top = min(round(float(box.top)), height - box_height)
    return PixelBox(left, top, left + box_width, top + box_height)


def middle(width: int, height: int) -> PixelBox:
    """The whole picture, or the middle of a long one: at most twice as long as its short side."""
    short = min(width, height)
    left, top = (max(0, (side - 2 * short) // 2) for side in (width, height))
    return PixelBox(left, top, width - left, height - top)


def around_centre(size: int, width: int, height: int) -> tuple[int, int]:
    """Width and height at which the centre square of `size` is CENTRE_FRACTION of the short side.

    As the usual evaluation on ImageNet: the short side becomes 183 for a size of 160.
    """
    short = math.ceil(size / CENTRE_FRACTION)
    return short * width // min(width, height), short * height // min(width, height)
