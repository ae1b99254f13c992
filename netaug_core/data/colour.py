"""From pictures as bytes to the network's input, on the device: colour jitter and normalisation.

B batch, C channels, S side.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netaug_core.data.parts import Normalisation
from netaug_core.data.sources import Draws
from netaug_core.sections.data import DataSpec

WHITE = 255.0
CACHED_VALUES = 1 << 17  # floats worked on at a time: half a megabyte, as a core's own cache
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Jitter:
    """Factors (B, 1, 1, 1) of each picture; None leaves it as it is. Grey has no saturation."""

    brightness: Tensor | None = None
    saturation: Tensor | None = None

    def to(self, device: torch.device) -> "Jitter":
        return self._each(lambda factors: factors.to(device, non_blocking=True))

    def of(self, pictures: slice) -> "Jitter":
        return self._each(lambda factors: factors[pictures])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Jitter":
        brightness, saturation = self.brightness, self.saturation
        return Jitter(
            None if brightness is None else change(brightness),
            None if saturation is None else change(saturation),
        )


AS_IT_IS = Jitter()


def jitter(spec: DataSpec, brightness: Draws, saturation: Draws) -> Jitter:
    """What a spec makes of uniform draws (B,)."""
    return Jitter(_factors(brightness, spec.brightness), _factors(saturation, spec.saturation))


def normalise(
    images: Tensor, normalisation: Normalisation, device: torch.device, varied: Jitter = AS_IT_IS
) -> Tensor:
    """Network input (B, C, S, S) on the device, of pictures 0..255; channels last."""
    pictures = images.to(device, non_blocking=True)
    varied = varied.to(device)
    out = torch.empty(
        pictures.shape,
        dtype=torch.float32,
        device=device,
        memory_format=torch.channels_last,
    )
    for some in _slices(pictures):
        out[some] = _normalised(pictures[some], normalisation, varied.of(some))
    return out


def _slices(pictures: Tensor) -> list[slice]:
    """On a CPU as many at a time as its cache holds: going to memory costs more than computing."""
    count = len(pictures)
    step = count if pictures.is_cuda else max(1, CACHED_VALUES // max(1, pictures[:1].numel()))
    return [slice(start, start + step) for start in range(0, count, step)]


def _normalised(pictures: Tensor, normalisation: Normalisation, varied: Jitter) -> Tensor:
    """Works on planes, in place."""
    pixels = pictures.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if varied.brightness is not None:
        pixels.mul_(varied.brightness).clamp_(max=WHITE)
    if varied.saturation is not None and pixels.shape[1] == len(GREY_WEIGHTS):
        pixels = _saturated(pixels, varied.saturation)
    scale, offset = _constants(normalisation, pictures.device)
    return pixels.mul_(scale).sub_(offset)


def _saturated(pixels: Tensor, factor: Tensor) -> Tensor:
    red, green, blue = GREY_WEIGHTS
    grey = pixels[:, :1] * red  # (B, 1, S, S)
    grey.add_(pixels[:, 1:2], alpha=green).add_(pixels[:, 2:], alpha=blue)
    return torch.lerp(grey, pixels, factor).clamp_(0, WHITE)


@functools.cache
def _constants(normalisation: Normalisation, device: torch.device) -> tuple[Tensor, Tensor]:
    """(pixel / 255 - mean) / std as pixel * scale - offset, each (C, 1, 1)."""
    mean, std = np.array(normalisation.mean), np.array(normalisation.std)
    scale, offset = (
        torch.from_numpy(values.astype(np.float32)).to(device)[:, None, None]
        for values in (1 / (WHITE * std), mean / std)
    )
    return scale, offset


def _factors(draws: Draws, strength: float) -> Tensor | None:
    """In [1 - strength, 1 + strength]."""
    if not strength:
        return None
    factors = 1 + strength * (2 * draws - 1)
    return torch.from_numpy(factors.astype(np.float32))[:, None, None, None]
