"""The anchors of a detector at one input size, in the order of its raw output.

N anchors of all levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from netaug_core.detectors.table import Shape


@dataclass(frozen=True)
class Priors:
    """Where each anchor is, and how large; in pixels of the network's input.

    Attributes:
        input_size: side of that input.
        sides: cells along a side, level by level.
        cells: (N, 2), left and top of its cell.
        steps: (N, 1), side of its cell.
        shapes: (N, 2), width and height.
    """

    input_size: int
    sides: tuple[int, ...]
    cells: Tensor
    steps: Tensor
    shapes: Tensor

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def centres(self) -> Tensor:
        """(N, 2): those of the cells."""
        return self.cells + self.steps / 2

    @property
    def boxes(self) -> Tensor:
        """(N, 4): left, top, right, bottom; they may reach beyond the picture."""
        half = self.shapes / 2
        return torch.cat([self.centres - half, self.centres + half], 1)

    def take(self, chosen: Tensor) -> "Priors":
        """Some anchors, in this order."""
        return replace(
            self, cells=self.cells[chosen], steps=self.steps[chosen], shapes=self.shapes[chosen]
        )


def make(
    sides: Sequence[int],
    shapes: Sequence[Sequence[Shape]],
    input_size: int,
    device: torch.device,
) -> Priors:
    """The anchors of all levels.

    Args:
        sides: cells along a side, level by level.
        shapes: of the anchors in each cell, level by level.
        input_size: side of the network's input.
        device: where they are needed.
    """
    levels = []
    for side, of_cell in zip(sides, shapes, strict=True):
        step = input_size / side
        places = torch.arange(side, dtype=torch.float32, device=device) * step
        top, left = torch.meshgrid(places, places, indexing="ij")
        corners = torch.stack([left, top], 2).view(-1, 1, 2)  # (side^2, 1, 2)
        sizes = torch.tensor(of_cell, dtype=torch.float32, device=device)  # (anchors, 2)
        cells = corners.expand(-1, len(of_cell), 2)
        steps = torch.full_like(cells[..., :1], step)
        parts = (cells, steps, sizes.expand_as(cells))
        levels.append([part.reshape(-1, part.shape[-1]) for part in parts])
    cells, steps, sizes = (torch.cat(parts) for parts in zip(*levels, strict=True))
    return Priors(input_size, tuple(sides), cells, steps, sizes)
