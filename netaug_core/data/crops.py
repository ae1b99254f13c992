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


def centre(width: int, height: int) -> tuple[float, float, float, float]:
    """The middle square, as (left, top, right, bottom)."""
    side = min(width, height) * CENTRE_FRACTION
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
