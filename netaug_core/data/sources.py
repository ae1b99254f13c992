"""Pictures by position: kept in memory, or decoded from files when they are asked for.

B batch, C channels, S side of the network's square input.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data import crops
from netaug_core.data.counters import Indices
from netaug_core.errors import BadData

Draws = NDArray[np.float64]


class ImageSource(Protocol):
    """Where a dataset's pictures come from."""

    def load(self, indices: Indices, size: int, draws: Draws | None = None) -> Tensor:
        """Pictures (B, C, S, S), uint8 or float, 0..255.

        Args:
            indices: positions of the pictures.
            size: S.
            draws: (B, crops.NUM_DRAWS) for a random resized crop; None for the whole picture.
        """


@dataclass(frozen=True)
class MemoryImages:
    """Small pictures of one size, in memory as uint8 (N, C, H, W)."""

    pixels: Tensor

    def load(self, indices: Indices, size: int, draws: Draws | None = None) -> Tensor:
        images = self.pixels[torch.from_numpy(indices)]
        if draws is not None:
            return _sample_boxes(images.float(), draws, size)
        if images.shape[-2:] == (size, size):
            return images
        return F.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)


@dataclass(frozen=True)
class FolderImages:
    """Picture files of any size, decoded one by one: a folder may be larger than memory."""

    paths: tuple[Path, ...]

    def load(self, indices: Indices, size: int, draws: Draws | None = None) -> Tensor:
        images = np.empty((len(indices), size, size, 3), np.uint8)
        for row, index in enumerate(indices):
            crop = None if draws is None else draws[row]
            images[row] = _decode(self.paths[index], size, crop)
        return torch.from_numpy(images).permute(0, 3, 1, 2)


def _decode(path: Path, size: int, draws: Draws | None) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            # JPEG decodes at a fraction of its size for nothing, if twice what we need is left.
            picture.draft("RGB", (2 * size, 2 * size))
            box = _box(draws, *picture.size)
            resized = picture.convert("RGB").resize(
                (size, size), Image.Resampling.BILINEAR, box=box
            )
            return np.asarray(resized)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadData(
            f"data.dataset: {path} is not a readable image ({error}); repair or remove it"
        ) from error


def _box(draws: Draws | None, width: int, height: int) -> tuple[float, float, float, float]:
    if draws is None:
        return crops.centre(width, height)
    left, top, box_width, box_height = map(float, crops.random_resized(draws, width, height))
    return left, top, min(left + box_width, width), min(top + box_height, height)


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
