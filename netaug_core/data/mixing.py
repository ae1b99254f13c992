"""Mixup and CutMix: each picture of a batch takes a part of its neighbour in the batch.

B batch, C channels, S side.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netaug_core.sections.data import DataSpec

MIXING_STREAM = 0x6D69_7869  # draws of its own, apart from every other use of the seed
HALF = 0.5


@dataclass(frozen=True)
class Patch:
    """The rectangle that CutMix replaces, in pixels; the ends are excluded."""

    left: int
    top: int
    right: int
    bottom: int

    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class Mixture:
    """How the pictures of one batch are mixed: blended (no patch), or a patch replaced.

    Attributes:
        share: the part of each picture, and of its loss, that stays its own.
    """

    share: float
    patch: Patch | None = None


def is_on(spec: DataSpec) -> bool:
    return spec.mixup > 0 or spec.cutmix > 0


def draw(spec: DataSpec, *, size: int, seed: int, epoch: int, number: int) -> Mixture:
    """The mixture of batch `number` of an epoch, a function of the arguments alone.

    Sources: Zhang et al., mixup, ICLR 2018; Yun et al., CutMix, ICCV 2019.
    """
    generator = np.random.default_rng((MIXING_STREAM, seed, epoch, number))
    is_heads = generator.random() < HALF  # drawn always: neither method shifts the other's draws
    if spec.cutmix == 0 or (spec.mixup > 0 and is_heads):
        return Mixture(float(generator.beta(spec.mixup, spec.mixup)))
    patch = _patch(generator, 1 - generator.beta(spec.cutmix, spec.cutmix), size)
    return Mixture(1 - patch.area() / size**2, patch)


def mix(images: Tensor, neighbours: Tensor, mixture: Mixture) -> Tensor:
    """Pictures (B, C, S, S) mixed with their neighbours, of the same shape; float."""
    if mixture.patch is None:
        return torch.lerp(neighbours, images, mixture.share)
    patch = mixture.patch
    rows, columns = slice(patch.top, patch.bottom), slice(patch.left, patch.right)
    mixed = images.clone()
    mixed[:, :, rows, columns] = neighbours[:, :, rows, columns]
    return mixed


def _patch(generator: np.random.Generator, fraction: float, size: int) -> Patch:
    """A square of `fraction` of the picture around a random pixel, cut off at the edges."""
    x, y = (int(centre) for centre in generator.integers(size, size=2))
    half = int(math.sqrt(fraction) * size / 2)
    return Patch(max(x - half, 0), max(y - half, 0), min(x + half, size), min(y + half, size))
