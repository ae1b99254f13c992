"""Where a picture lies in the network's square input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Resize = Literal["letterbox", "stretch"]


@dataclass(frozen=True)
class Placement:
    """Input pixel = picture pixel x scale + offset, across and down.

    Attributes:
        width: of the picture, in its own pixels.
        height: likewise.
        scale: across, down.
        offset: left, top, in pixels of the input.
    """

    width: int
    height: int
    scale: tuple[float, float]
    offset: tuple[float, float]

    def apply(self, boxes: Tensor) -> Tensor:
        """Boxes (n, 4) of the picture, in pixels of the input."""
        scale, offset = boxes.new_tensor(self.scale * 2), boxes.new_tensor(self.offset * 2)
        return boxes * scale + offset

    def undo(self, boxes: Tensor) -> Tensor:
        """Boxes (n, 4) of the input, in pixels of the picture and cut at its border."""
        scale, offset = boxes.new_tensor(self.scale * 2), boxes.new_tensor(self.offset * 2)
        border = boxes.new_tensor((self.width, self.height) * 2)
        return ((boxes - offset) / scale).clamp(min=0).minimum(border)


def stretched(width: int, height: int, input_size: int) -> Placement:
    """The whole input; the picture's proportions go."""
    return Placement(width, height, (input_size / width, input_size / height), (0.0, 0.0))


def letterboxed(width: int, height: int, input_size: int) -> Placement:
    """As large as fits with whole pixels, in the middle; the proportions stay."""
    scale = input_size / max(width, height)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    offset = ((input_size - across) // 2, (input_size - down) // 2)
    return Placement(width, height, (across / width, down / height), offset)


# How a picture of some width and height gets its place in an input, by name.
PLACES: dict[Resize, Callable[[int, int, int], Placement]] = {
    "letterbox": letterboxed,
    "stretch": stretched,
}
