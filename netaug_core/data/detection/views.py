"""Which part of a picture goes where in the network's input, and its boxes with it.

Whole pixels on both sides, and the scale follows from them: boxes move exactly as pixels do.
S side of the input, n objects of a picture.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data.crops import PixelBox
from netaug_core.data.decoding import Jpeg, Plain, as_tensor
from netaug_core.detection.annotation import Boxes

# Resizing starts from at least twice the pixels wanted: below that the shortcut would be seen.
MARGIN = 2
LEAST_SIDE = 1.0  # pixels of the input: what became smaller is not there to be found any more


@dataclass(frozen=True)
class Window:
    """A rectangle in a picture's continuous coordinates, which may reach beyond the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class View:
    """Attributes: source: in pixels of the picture. target: in pixels of the input."""

    source: PixelBox
    target: PixelBox

    def move(self, boxes: Boxes) -> Boxes:
        """Boxes (n, 4) of the picture, in pixels of the input; they may reach beyond the target."""
        scale = np.array(self._scale * 2)
        source = np.array([self.source.left, self.source.top] * 2)
        target = np.array([self.target.left, self.target.top] * 2)
        return np.asarray((boxes - source) * scale + target, np.float32)

    @property
    def _scale(self) -> tuple[float, float]:
        """Across and down."""
        (width, height), (across, down) = _sides(self.source), _sides(self.target)
        return across / width, down / height

    def kept(self, boxes: Boxes) -> tuple[Boxes, NDArray[np.bool_]]:
        """What the input shows of boxes (n, 4), and which (n,) have their middle in it.

        SSD's rule for crops: the others are gone. So are those that are nothing any more.
        """
        moved = self.move(boxes)
        borders = np.array(self.target, np.float32)
        middles = (moved[:, :2] + moved[:, 2:]) / 2
        inside = ((middles >= borders[:2]) & (middles < borders[2:])).all(1)
        shown = np.clip(moved, np.tile(borders[:2], 2), np.tile(borders[2:], 2))
        large = (shown[:, 2:] - shown[:, :2] >= LEAST_SIDE).all(1)
        return shown, np.asarray(inside & large)


def _sides(box: PixelBox) -> tuple[int, int]:
    return box.right - box.left, box.bottom - box.top


def fitted(window: Window, picture: tuple[int, int], size: int, *, letterbox: bool) -> View:
    """The view of a window of a picture (width, height), as large as fits, in the middle.

    Args:
        window: what the input is to show; beyond the picture nothing is painted.
        picture: its width and height.
        size: S.
        letterbox: keep the window's proportions; else it is stretched to the whole input.
    """
    across, down = size, size
    if letterbox:
        scale = size / max(window.width, window.height)
        across, down = (max(1, round(side * scale)) for side in (window.width, window.height))
    left, top = (size - across) // 2, (size - down) // 2
    sources, targets = [], []
    for start, length, limit, place, room in (
        (window.left, window.width, picture[0], left, across),
        (window.top, window.height, picture[1], top, down),
    ):
        source, target = _axis(start, length, limit, room)
        sources.append(source)
        targets.append((place + target[0], place + target[1]))
    return View(
        PixelBox(sources[0][0], sources[1][0], sources[0][1], sources[1][1]),
        PixelBox(targets[0][0], targets[1][0], targets[0][1], targets[1][1]),
    )


def _axis(
    start: float, length: float, limit: int, room: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the picture's part of [start, start + length) begins and ends: there, and in `room`."""
    first = min(max(round(start), 0), limit - 1)
    last = max(min(round(start + length), limit), first + 1)
    begin = min(max(round((first - start) * room / length), 0), room - 1)
    end = max(min(round((last - start) * room / length), room), begin + 1)
    return (first, last), (begin, end)


def paint(canvas: Tensor, picture: Jpeg | Plain, view: View) -> None:
    """Put the view of a picture into `canvas` (3, S, S) uint8."""
    source, target = view.source, view.target
    (width, height), (across, down) = _sides(source), _sides(target)
    pixels = picture.pixels(MARGIN * max(across / width, down / height))
    # A JPEG may have come out smaller than it is.
    by_x, by_y = pixels.shape[1] / picture.width, pixels.shape[0] / picture.height
    left, top = int(source.left * by_x), int(source.top * by_y)
    right = max(left + 1, round(source.right * by_x))
    bottom = max(top + 1, round(source.bottom * by_y))
    cut = as_tensor(pixels)[None, :, top:bottom, left:right]
    if cut.shape[-2:] != (down, across):
        cut = F.interpolate(cut, (down, across), mode="bilinear", antialias=True)
    canvas[:, target.top : target.bottom, target.left : target.right] = cut[0]


def blank(count: int, size: int, fill: tuple[int, int, int]) -> Tensor:
    """Inputs (B, 3, S, S) uint8 of one colour, channels last."""
    shape = (count, 3, size, size)
    canvas = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    canvas[:] = torch.tensor(fill, dtype=torch.uint8)[None, :, None, None]
    return canvas
