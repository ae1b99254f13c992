"""How the colours of training pictures change: SSD's four distortions, as one matrix a picture.

Brightness adds, contrast multiplies, saturation goes towards grey or away from it, hue turns the
colours around grey (in YIQ, where that is linear). Each happens in one of two cases.

Source: Liu et al., SSD, ECCV 2016, section 2.2 (after Howard, 2013). B pictures, S side.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netaug_core.data.colour import GREY_WEIGHTS, WHITE
from netaug_core.data.sources import Draws

SHARE = 0.5
NUM_DRAWS = 8  # whether, and how much, of each
TO_YIQ = np.array([GREY_WEIGHTS, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])
FROM_YIQ = np.linalg.inv(TO_YIQ)

Matrices = NDArray[np.float64]  # (B, 3, 3)


@dataclass(frozen=True)
class Strengths:
    """Each 0 is off.

    Attributes:
        brightness: up to this share of white is added or taken.
        contrast: factors are 1 - contrast to 1 + contrast.
        saturation: likewise.
        hue: turns of up to this part of a circle, either way.
    """

    brightness: float = 32 / 255
    contrast: float = 0.5
    saturation: float = 0.5
    hue: float = 18 / 360

    @property
    def is_off(self) -> bool:
        return not (self.brightness or self.contrast or self.saturation or self.hue)


OFF = Strengths(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)


@dataclass(frozen=True)
class Colours:
    """New colour = matrix @ colour + offset, cut to 0..255.

    Attributes: matrix: (B, 3, 3) float32. offset: (B, 1, 1) float32.
    """

    matrix: Tensor
    offset: Tensor

    def apply(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) 0..255 of any type, as float32 on their device."""
        flat = images.float().flatten(2)  # (B, 3, S * S)
        offset, matrix = (each.to(flat.device) for each in (self.offset, self.matrix))
        changed = torch.baddbmm(offset, matrix, flat).clamp_(0, WHITE)
        return changed.view(images.shape)


def choose(strengths: Strengths, draws: Draws) -> Colours:
    """The colours of pictures with `draws` (B, NUM_DRAWS)."""
    is_on = draws[:, ::2] < SHARE  # (B, 4)
    amount = (2 * draws[:, 1::2] - 1) * is_on  # in -1..1; 0 leaves it
    brightness = amount[:, 0] * strengths.brightness * WHITE
    contrast = 1 + amount[:, 1] * strengths.contrast
    matrix = _saturation(1 + amount[:, 2] * strengths.saturation) @ _hue(
        amount[:, 3] * strengths.hue * 2 * math.pi
    )
    # Saturation and hue leave grey alone, so what brightness adds is only multiplied by contrast.
    return Colours(
        torch.from_numpy((contrast[:, None, None] * matrix).astype(np.float32)),
        torch.from_numpy((contrast * brightness).astype(np.float32))[:, None, None],
    )


def _saturation(factor: NDArray[np.float64]) -> Matrices:
    grey = np.tile(np.array(GREY_WEIGHTS), (3, 1))
    return np.asarray(factor[:, None, None] * np.eye(3) + (1 - factor)[:, None, None] * grey)


def _hue(angle: NDArray[np.float64]) -> Matrices:
    turn = np.zeros((len(angle), 3, 3))
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 1, 2], turn[:, 2, 1] = -np.sin(angle), np.sin(angle)
    return np.asarray(FROM_YIQ @ turn @ TO_YIQ)
