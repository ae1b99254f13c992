"""How training pictures are varied and every picture normalised: a whole batch at a time.

B batch, C channels, S side.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data import crops
from netaug_core.data.counters import Indices, uniforms
from netaug_core.data.parts import Normalisation, Part
from netaug_core.data.sources import Draws
from netaug_core.sections.data import DataSpec

SHIFT_FRACTION = 8  # a padded crop shifts by up to an eighth of the side
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
# The draws of one picture: box of a resized crop, shift, flip, brightness, saturation.
SHIFT = slice(crops.NUM_DRAWS, crops.NUM_DRAWS + 2)
FLIP, BRIGHTNESS, SATURATION = (crops.NUM_DRAWS + 2 + offset for offset in range(3))
NUM_DRAWS = SATURATION + 1


@dataclass(frozen=True)
class TrainTransform:
    """Varies picture i of an epoch by numbers that depend on (seed, epoch, i) alone."""

    spec: DataSpec
    size: int
    seed: int

    def load(self, part: Part, positions: Indices, epoch: int) -> Tensor:
        """Varied pictures (B, C, S, S), 0..255."""
        draws = uniforms(self.seed, epoch, part.indices[positions], NUM_DRAWS)
        box_draws = draws[:, : crops.NUM_DRAWS] if self.spec.crop == "resized" else None
        images = part.source.load(part.indices[positions], self.size, box_draws)
        if self.spec.crop == "padded":
            images = shift(images, draws[:, SHIFT])
        return self._recolour(self._flip(images, draws), draws)

    def _flip(self, images: Tensor, draws: Draws) -> Tensor:
        if not self.spec.horizontal_flip:
            return images
        mirrored = torch.from_numpy(draws[:, FLIP] < 0.5)[:, None, None, None]
        return torch.where(mirrored, images.flip(3), images)

    def _recolour(self, images: Tensor, draws: Draws) -> Tensor:
        if self.spec.brightness:
            factor = _jitter(draws[:, BRIGHTNESS], self.spec.brightness)
            images = (images.float() * factor).clamp(0, 255)
        if self.spec.saturation and images.shape[1] == 3:
            factor = _jitter(draws[:, SATURATION], self.spec.saturation)
            weights = torch.tensor(GREY_WEIGHTS)[:, None, None]
            grey = (images.float() * weights).sum(1, keepdim=True)
            images = (grey + (images - grey) * factor).clamp(0, 255)
        return images


def shift(images: Tensor, draws: Draws) -> Tensor:
    """Move each picture by up to an eighth of its side; what comes in is black."""
    size = images.shape[-1]
    most = size // SHIFT_FRACTION
    padded = F.pad(images, (most, most, most, most))
    offsets = torch.from_numpy((draws * (2 * most + 1)).astype(np.int64))  # (B, 2) in 0..2 most
    steps = torch.arange(size)
    rows = (offsets[:, :1] + steps)[:, :, None]
    columns = (offsets[:, 1:] + steps)[:, None, :]
    batch = torch.arange(len(images))[:, None, None]
    return padded[batch, :, rows, columns].permute(0, 3, 1, 2)


def normalise(images: Tensor, normalisation: Normalisation, device: torch.device) -> Tensor:
    """Network input (B, C, S, S) on the device, of pictures 0..255; channels last."""
    images = images.to(device, non_blocking=True).float()
    mean = torch.tensor(normalisation.mean, device=device)[:, None, None]
    std = torch.tensor(normalisation.std, device=device)[:, None, None]
    images = (images / 255 - mean) / std
    return images.contiguous(memory_format=torch.channels_last)


def _jitter(draws: Draws, strength: float) -> Tensor:
    """Factors (B, 1, 1, 1) in [1 - strength, 1 + strength]."""
    factors = 1 + strength * (2 * draws - 1)
    return torch.from_numpy(factors.astype(np.float32))[:, None, None, None]
