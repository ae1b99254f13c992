"""AutoAugment and RandAugment, torchvision's, with draws that depend on the picture's place."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from netaug_core.data.sources import Draws
from netaug_core.sections.data import DataSpec

NUM_LEVELS = 31  # of RandAugment's magnitude, as in its paper
SEEDS = 2**53  # a uniform draw is this fine

Policy = Callable[[Tensor], Tensor]


def choose(spec: DataSpec) -> Policy | None:
    """What the spec asks for, of one picture (C, S, S) uint8."""
    if spec.auto_augment is None and spec.rand_augment is None:
        return None
    # Imported here: it takes a second, and most runs do without.
    from torchvision.transforms import v2  # type: ignore[import-untyped]  # ships no types

    policy: Policy
    if spec.rand_augment is not None:
        policy = v2.RandAugment(
            spec.rand_augment.num_ops,
            spec.rand_augment.magnitude,
            num_magnitude_bins=NUM_LEVELS,
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        return policy
    learnt = v2.AutoAugmentPolicy(spec.auto_augment)
    policy = v2.AutoAugment(learnt, interpolation=v2.InterpolationMode.BILINEAR)
    return policy


def apply(policy: Policy, images: Tensor, draws: Draws) -> Tensor:
    """Pictures (B, C, S, S) uint8, each changed as its draw (B,) in [0, 1) says.

    torchvision draws from the global generator: it is seeded for each picture, then put back.
    """
    pixels = images if images.dtype == torch.uint8 else images.round().to(torch.uint8)
    seeds = (draws * SEEDS).astype(np.int64).tolist()
    with torch.random.fork_rng(devices=[]):
        changed = []
        for image, seed in zip(pixels, seeds, strict=True):
            torch.default_generator.manual_seed(seed)
            changed.append(policy(image))
    return torch.stack(changed)
