"""Pictures by position: kept in memory, or decoded from files when they are asked for.

B batch, C channels, S side of the network's square input.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data import crops
from netaug_core.data.counters import Indices
from netaug_core.errors import BadData

Draws = NDArray[np.float64]


class ImageSource(Protocol):
    """Where a dataset's pictures come from."""

    def load(self, indices: Indices, size: int, draws: Draws | None = None) -> Tensor:
        """Pictures (B, C, S, S), uint8 or float, 0..255, in memory of their own.

        Args:
            indices: positions of the pictures.
            size: S.
            draws: (B, crops.NUM_DRAWS) for a random resized crop; None for the whole picture.
        """

    def check(self) -> None:
        """Look at every picture as far as is cheap, before training.

        Raises:
            BadData: some cannot be used.
        """


@dataclass(frozen=True)
class MemoryImages:
    """Small pictures of one size, in memory, (N, C, H, W), 0..255."""

    pixels: Tensor

    def check(self) -> None:
        """Floating-point pixels may be no numbers."""
        if not self.pixels.is_floating_point():
            return
        bad = ~self.pixels.isfinite().flatten(1).all(1)  # (N,)
        if bad.any():
            raise BadData(
                f"data.dataset: {int(bad.sum())} images hold NaN or infinite pixels, the first is "
                f"number {int(bad.nonzero()[0])}; repair or remove them"
            )

    def load(self, indices: Indices, size: int, draws: Draws | None = None) -> Tensor:
        images = self.pixels[torch.from_numpy(indices)]
        if draws is not None:
            return _sample_boxes(images.float(), draws, size)
        if images.shape[-2:] == (size, size):
            return images
        return F.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)


def _sample_boxes(images: Tensor, draws: Draws, size: int) -> Tensor:
    """Cut a random box out of every picture and resize it, all in one go."""
    height, width = images.shape[-2:]
    box = crops.random_resized(draws, width, height)
    theta = np.zeros((len(images), 2, 3), np.float32)
    theta[:, 0, 0] = box.width / width
    theta[:, 1, 1] = box.height / height
    theta[:, 0, 2] = (2 * box.left + box.width) / width - 1
    theta[:, 1, 2] = (2 * box.top + box.height) / height - 1
    shape = [len(images), images.shape[1], size, size]
    grid = F.affine_grid(torch.from_numpy(theta), shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
