"""Batches of a part, in this process or decoded ahead by worker processes.

B pictures, C channels, S side of the input, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netaug_core.data import loading, mixing, order
from netaug_core.data.colour import AS_IT_IS, normalise
from netaug_core.data.counters import Indices
from netaug_core.data.order import Rank
from netaug_core.data.parts import Normalisation, Part
from netaug_core.data.transforms import TrainTransform

CALIBRATION_EPOCH = 2**31  # a stream of its own, which no training epoch has

Batch = tuple[Tensor, Tensor]  # pictures (B, C, S, S), labels (B,)


@dataclass(frozen=True)
class Targets:
    """What the images of a batch should give.

    Attributes:
        labels: (B,) int64.
        partner_labels: (B,) int64, of the pictures that were mixed in; None without mixing.
        share: (B,) or a number: how much of a picture is its own.
        teacher_logits: (B, K), or None without a teacher.
    """

    labels: Tensor
    partner_labels: Tensor | None = None
    share: Tensor | float = 1.0
    teacher_logits: Tensor | None = None

    def first(self, count: int) -> "Targets":
        """Those of the first `count` images."""

        def cut(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[:count]

        return replace(
            self,
            labels=self.labels[:count],
            partner_labels=cut(self.partner_labels),
            share=self.share[:count] if isinstance(self.share, Tensor) else self.share,
            teacher_logits=cut(self.teacher_logits),
        )


@dataclass(frozen=True)
class TrainingBatch:
    """This rank's part of a batch to learn from.

    Attributes: images: (B, C, S, S), normalised.
    """

    images: Tensor
    targets: Targets


@dataclass(frozen=True)
class Feed:
    """How batches reach the network.

    Attributes:
        num_workers: processes that decode ahead; 0 decodes in this one.
        rank: this process, among the `num_ranks` that train together.
    """

    transform: TrainTransform
    normalisation: Normalisation
    device: torch.device
    num_workers: int = 0
    rank: int = 0
    num_ranks: int = 1

    def training(
        self, part: Part, epoch: int, batch_size: int, first: int
    ) -> Iterator[TrainingBatch]:
        """The batches of an epoch from the `first` on; the incomplete last one is left out."""
        transform = self.transform
        is_mixed = mixing.is_on(transform.spec)
        positions = order.training_batches(
            len(part),
            batch_size,
            seed=transform.seed,
            epoch=epoch,
            rank=self._rank,
            with_neighbour=is_mixed,
        )
        batches = self._batches(part, positions[first:], epoch)
        for number, (images, labels) in enumerate(batches, first):
            if is_mixed:
                yield self._mixed(images, labels, epoch, number)
            else:
                yield TrainingBatch(images, Targets(labels))

    def on(self, device: torch.device) -> "Feed":
        """The same, for another device."""
        return replace(self, device=device)

    @property
    def evaluation_batch(self) -> int:
        """Pictures of a batch that nothing is learnt from."""
        return order.EVALUATION_BATCH

    def calibration(self, part: Part, count: int) -> Iterator[Tensor]:
        """Images of a fixed subset of the training part, varied as in training, but never mixed.

        A rank takes the batches that are its turn, which may be none.
        """
        positions = order.calibration_batches(len(part), count, self._rank)
        return (images for images, _ in self._batches(part, positions, CALIBRATION_EPOCH))

    def evaluation(self, part: Part) -> Iterator[Batch]:
        """Every picture once, in order, as it is: the batches that are this rank's turn.

        Several ranks put their results together by `order.evaluation_positions`.
        """
        return self._batches(part, order.evaluation_batches(len(part), self._rank), None)

    @property
    def _rank(self) -> Rank:
        return Rank(self.rank, self.num_ranks)

    def _mixed(self, images: Tensor, labels: Tensor, epoch: int, number: int) -> TrainingBatch:
        """Each picture with the one after it; the last one is a neighbour only."""
        transform = self.transform
        mixture = mixing.draw(
            transform.spec, size=transform.size, seed=transform.seed, epoch=epoch, number=number
        )
        mixed = mixing.mix(images[:-1], images[1:], mixture)
        return TrainingBatch(mixed, Targets(labels[:-1], labels[1:], mixture.share))

    def _batches(
        self, part: Part, positions: Sequence[Indices], epoch: int | None
    ) -> Iterator[Batch]:
        loaded = loading.in_order(
            _PartBatches(part, positions, self.transform, epoch), self.num_workers, self.device
        )
        for taken, (images, labels) in zip(positions, loaded, strict=True):
            jitter = AS_IT_IS if epoch is None else self.transform.jitter(part, taken, epoch)
            yield (
                normalise(images, self.normalisation, self.device, jitter),
                labels.to(self.device, non_blocking=True),
            )


@dataclass(frozen=True)
class _PartBatches(Dataset[Batch]):
    """Batch number i, loaded and varied; `epoch` None means not varied."""

    part: Part
    positions: Sequence[Indices]
    transform: TrainTransform
    epoch: int | None

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, number: int) -> Batch:
        positions = self.positions[number]
        labels = torch.from_numpy(self.part.labels[positions])
        if self.epoch is None:
            indices = self.part.indices[positions]
            return self.part.source.load(indices, self.transform.size), labels
        return self.transform.load(self.part, positions, self.epoch), labels
