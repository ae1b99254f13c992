"""Batches of a detection dataset as they reach the network.

B pictures, S side of the input, which may differ from batch to batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from netaug_core.data import loading, order
from netaug_core.data.batches import CALIBRATION_EPOCH
from netaug_core.data.colour import normalise
from netaug_core.data.counters import Indices
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.transforms import (
    DetectionTransform,
    LoadedBatch,
    load_whole,
    side_of_batch,
)
from netaug_core.data.order import Rank
from netaug_core.data.parts import Normalisation
from netaug_core.detection.boxes import Objects
from netaug_core.detection.placement import Placement, Resize

ALONE = Rank(0, 1)
EVALUATION_BATCH = 32  # of large pictures


@dataclass(frozen=True)
class DetectionBatch:
    """Attributes: images: (B, 3, S, S), normalised. objects: in pixels of the input."""

    images: Tensor
    objects: Objects

    @property
    def targets(self) -> Objects:
        return self.objects


@dataclass(frozen=True)
class WholeBatch:
    """Pictures to find objects in.

    Attributes:
        images: (B, 3, S, S), normalised.
        placements: of each, to bring boxes back into the picture.
        positions: (B,) of each in its part.
    """

    images: Tensor
    placements: tuple[Placement, ...]
    positions: Indices


@dataclass(frozen=True)
class DetectionFeed:
    """Where batches come from.

    Attributes:
        size: S of evaluation and calibration.
        sides: of training; each batch has one of them by its number. Several: multi-scale.
        num_workers: processes that decode ahead; 0 decodes in this one.
        rank: this process, among those that train together.
    """

    transform: DetectionTransform
    normalisation: Normalisation
    device: torch.device
    size: int
    sides: tuple[int, ...]
    num_workers: int = 0
    rank: Rank = ALONE

    def training(
        self, part: DetectionPart, epoch: int, batch_size: int, first: int
    ) -> Iterator[DetectionBatch]:
        """This rank's batches of an epoch from the `first` on; the incomplete last is left out."""
        positions = order.training_batches(
            len(part),
            batch_size,
            seed=self.transform.seed,
            epoch=epoch,
            rank=self.rank,
            with_neighbour=False,
        )
        numbers = range(first, len(positions))
        sizes = [
            side_of_batch(self.sides, seed=self.transform.seed, epoch=epoch, number=number)
            for number in numbers
        ]
        return self._varied(part, positions[first:], epoch, sizes)

    def on(self, device: torch.device) -> "DetectionFeed":
        """The same, for another device."""
        return replace(self, device=device)

    @property
    def evaluation_batch(self) -> int:
        """Pictures of a batch that nothing is learnt from."""
        return EVALUATION_BATCH

    def calibration(self, part: DetectionPart, count: int) -> Iterator[Tensor]:
        """Images of a fixed training subset, varied as in training, at the evaluation's size."""
        positions = order.calibration_batches(len(part), count, self.rank, EVALUATION_BATCH)
        sizes = [self.size] * len(positions)
        return (b.images for b in self._varied(part, positions, CALIBRATION_EPOCH, sizes))

    def evaluation(self, part: DetectionPart) -> Iterator[WholeBatch]:
        """Every picture once, in order, as it is: the batches that are this rank's turn."""
        positions = order.evaluation_batches(len(part), self.rank, EVALUATION_BATCH)
        batches = _WholeBatches(part, positions, self.size, self.transform.variation.resize)
        loaded = loading.in_order(batches, self.num_workers, self.device)
        for taken, (images, placements) in zip(positions, loaded, strict=True):
            yield WholeBatch(normalise(images, self.normalisation, self.device), placements, taken)

    def _varied(
        self, part: DetectionPart, positions: Sequence[Indices], epoch: int, sizes: Sequence[int]
    ) -> Iterator[DetectionBatch]:
        batches = _VariedBatches(part, positions, sizes, self.transform, epoch)
        for loaded in loading.in_order(batches, self.num_workers, self.device):
            images = loaded.images.to(self.device, non_blocking=True)
            if loaded.colours is not None:
                images = loaded.colours.apply(images)
            yield DetectionBatch(
                normalise(images, self.normalisation, self.device), loaded.objects.to(self.device)
            )


@dataclass(frozen=True)
class _VariedBatches(Dataset[LoadedBatch]):
    part: DetectionPart
    positions: Sequence[Indices]
    sizes: Sequence[int]
    transform: DetectionTransform
    epoch: int

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, number: int) -> LoadedBatch:
        positions = np.asarray(self.positions[number])
        return self.transform.load(self.part, positions, self.epoch, self.sizes[number])


@dataclass(frozen=True)
class _WholeBatches(Dataset[tuple[Tensor, tuple[Placement, ...]]]):
    part: DetectionPart
    positions: Sequence[Indices]
    size: int
    resize: Resize

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, number: int) -> tuple[Tensor, tuple[Placement, ...]]:
        return load_whole(self.part, self.positions[number], self.size, self.resize)
