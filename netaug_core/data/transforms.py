"""How training pictures are varied: by numbers that depend on the seed, epoch and picture alone.

B batch, C channels, S side.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data import colour, crops, policies
from netaug_core.data.colour import Jitter
from netaug_core.data.counters import Indices, uniforms
from netaug_core.data.parts import Part
from netaug_core.data.policies import Policy
from netaug_core.data.sources import Draws
from netaug_core.sections.data import DataSpec

SHIFT_FRACTION = 8  # a padded crop shifts by up to an eighth of the side
# The draws of one picture: box of a resized crop, shift, flip, brightness, saturation, policy.
SHIFT = slice(crops.NUM_DRAWS, crops.NUM_DRAWS + 2)
FLIP, BRIGHTNESS, SATURATION, POLICY = (crops.NUM_DRAWS + 2 + offset for offset in range(4))
NUM_DRAWS = POLICY + 1
FEW_VALUES = 10_000  # of a picture that is sooner copied than spoken to


@dataclass(frozen=True)
class TrainTransform:
    """Varies picture i of an epoch by numbers that depend on (seed, epoch, i) alone.

    In two parts: `load` cuts out bytes, where pictures are decoded; `jitter` tells how their
    colours change, which the device does (`colour.normalise`).
    """

    spec: DataSpec
    size: int
    seed: int
    policy: Policy | None = field(init=False)

    def __post_init__(self) -> None:
        # Chosen before worker processes are forked: each would load torchvision for itself.
        object.__setattr__(self, "policy", policies.choose(self.spec))

    def load(self, part: Part, positions: Indices, epoch: int) -> Tensor:
        """Pictures (B, C, S, S), 0..255: cut, mirrored, and changed by the policy."""
        draws = self._draws(part, positions, epoch)
        box_draws = draws[:, : crops.NUM_DRAWS] if self.spec.crop == "resized" else None
        images = part.source.load(part.indices[positions], self.size, box_draws)
        if self.spec.crop == "padded":
            images = shift(images, draws[:, SHIFT])
        if self.spec.horizontal_flip:
            images = _mirrored(images, draws[:, FLIP] < 0.5)
        if self.policy is not None:
            images = policies.apply(self.policy, images, draws[:, POLICY])
        return images

    def jitter(self, part: Part, positions: Indices, epoch: int) -> Jitter:
        """How the colours of the pictures that `load` gives change."""
        draws = self._draws(part, positions, epoch)
        return colour.jitter(self.spec, draws[:, BRIGHTNESS], draws[:, SATURATION])

    def _draws(self, part: Part, positions: Indices, epoch: int) -> Draws:
        return uniforms(self.seed, epoch, part.indices[positions], NUM_DRAWS)


def _mirrored(images: Tensor, chosen: NDArray[np.bool_]) -> Tensor:
    """One by one if they are large: an index over the batch would copy it twice."""
    if images[0].numel() < FEW_VALUES:
        return torch.where(torch.from_numpy(chosen)[:, None, None, None], images.flip(3), images)
    for row in np.flatnonzero(chosen).tolist():
        images[row] = images[row].flip(2)
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
