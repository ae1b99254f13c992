"""Random parts of a picture that keep its objects: SSD's zoom-out and its crops by overlap.

Pure arithmetic on uniform draws, so that a picture's chance depends on its place alone.

Source: Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016, sections 2.2 and 3.6; the
numbers are those of torchvision's RandomZoomOut and RandomIoUCrop.
"""

import numpy as np
from numpy.typing import NDArray

from netaug_core.data.detection.views import Window
from netaug_core.data.sources import Draws
from netaug_core.detection.annotation import Boxes
from netaug_core.detection.matching import overlaps

ZOOM_DRAWS = 4
ZOOM_SHARE = 0.5  # of pictures are zoomed out
MOST_ZOOM = 4.0  # times each side
# The least overlap of an object with the crop; 1 and more keep the picture as it is.
LEAST_OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
TRIALS = 40
LEAST_SCALE = 0.3  # of each side of the picture
LEAST_ASPECT, MOST_ASPECT = 0.5, 2.0
CROP_DRAWS = 1 + 4 * TRIALS

Crops = NDArray[np.float64]  # (t, 4): left, top, right, bottom


def whole(width: int, height: int) -> Window:
    return Window(0, 0, width, height)


def zoomed_out(draws: Draws, window: Window) -> Window:
    """In one of two cases a larger window around it, up to four times as wide. `draws` (4,)."""
    if draws[0] >= ZOOM_SHARE:
        return window
    ratio = 1 + (MOST_ZOOM - 1) * float(draws[1])
    left = window.left - float(draws[2]) * (ratio - 1) * window.width
    top = window.top - float(draws[3]) * (ratio - 1) * window.height
    return Window(left, top, left + ratio * window.width, top + ratio * window.height)


def cropped(draws: Draws, window: Window, boxes: Boxes) -> Window:
    """The first of some random crops that keeps an object, overlapped enough, by its middle.

    If none does, or the draw says so, the window itself.

    Args:
        draws: (CROP_DRAWS,).
        window: to be cut.
        boxes: (n, 4) of the objects.
    """
    least = LEAST_OVERLAPS[int(draws[0] * len(LEAST_OVERLAPS))]
    if least >= 1 or not len(boxes):
        return window
    crops = _candidates(draws[1:].reshape(TRIALS, 4), window)
    good = _keeps_one(crops, boxes, least)
    if not good.any():
        return window
    left, top, right, bottom = crops[int(good.argmax())].tolist()
    return Window(left, top, right, bottom)


def _candidates(draws: Draws, window: Window) -> Crops:
    """Those of the random crops whose proportions are not extreme."""
    sides = LEAST_SCALE + (1 - LEAST_SCALE) * draws[:, :2]  # (t, 2), shares of the window's
    width, height = sides[:, 0] * window.width, sides[:, 1] * window.height
    left = window.left + draws[:, 2] * (window.width - width)
    top = window.top + draws[:, 3] * (window.height - height)
    aspect = width / height
    usable = (aspect >= LEAST_ASPECT) & (aspect <= MOST_ASPECT)
    return np.stack([left, top, left + width, top + height], 1)[usable]


def _keeps_one(crops: Crops, boxes: Boxes, least: float) -> NDArray[np.bool_]:
    """(t,) whether an object has its middle inside, and one of those overlaps by `least`."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (middles > crops[:, None, :2]) & (middles < crops[:, None, 2:])  # (t, n, 2)
    overlap = overlaps(crops.astype(np.float32), boxes)  # (t, n)
    return np.asarray((inside.all(2) & (overlap >= least)).any(1))
