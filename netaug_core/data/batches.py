"""Batches of a part, in this process or decoded ahead by worker processes."""

import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from netaug_core.data.counters import Indices, permutation
from netaug_core.data.parts import Normalisation, Part
from netaug_core.data.transforms import TrainTransform, normalise
from netaug_core.errors import BadData

EVALUATION_BATCH = 256
CALIBRATION_EPOCH = 2**31  # a stream of its own, which no training epoch has
CALIBRATION_SEED = 937_162_211  # as in the reference recipe: the subset is the same for every run

Batch = tuple[Tensor, Tensor]  # pictures (B, C, S, S), labels (B,)


@dataclass(frozen=True)
class Feed:
    """How batches reach the network."""

    transform: TrainTransform
    normalisation: Normalisation
    device: torch.device
    num_workers: int = 0

    def training(self, part: Part, epoch: int, batch_size: int, first: int) -> Iterator[Batch]:
        """The batches of an epoch from the `first` on; the incomplete last one is left out."""
        order = permutation(self.transform.seed, epoch, len(part))
        complete = len(part) // batch_size * batch_size
        positions = order[:complete].reshape(-1, batch_size)[first:]
        return self._batches(part, list(positions), epoch)

    def calibration(self, part: Part, count: int) -> Iterator[Batch]:
        """A fixed subset of the training part, varied as in training."""
        order = permutation(CALIBRATION_SEED, 0, len(part))[:count]
        return self._batches(part, _chunks(order), CALIBRATION_EPOCH)

    def evaluation(self, part: Part) -> Iterator[Batch]:
        """Every picture once, in order, as it is."""
        return self._batches(part, _chunks(torch.arange(len(part)).numpy()), None)

    def _batches(
        self, part: Part, positions: Sequence[Indices], epoch: int | None
    ) -> Iterator[Batch]:
        loader = DataLoader(
            _PartBatches(part, positions, self.transform, epoch),
            batch_size=None,
            num_workers=self.num_workers,
            worker_init_fn=_leave_signals_to_the_trainer,
            # One of its own: otherwise each loader would draw from the generator of dropout.
            generator=torch.Generator(),
        )
        for images, labels in _plain_errors(loader):
            yield (
                normalise(images, self.normalisation, self.device),
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


def _plain_errors(loader: Iterable[Batch]) -> Iterator[Batch]:
    """DataLoader puts a worker's whole traceback into the message: keep the sentence only."""
    try:
        yield from loader
    except BadData as error:
        sentence = str(error).strip().splitlines()[-1]
        raise BadData(sentence.removeprefix(f"{BadData.__module__}.BadData: ")) from error


def _chunks(positions: Indices) -> list[Indices]:
    starts = range(0, len(positions), EVALUATION_BATCH)
    return [positions[start : start + EVALUATION_BATCH] for start in starts]


def _leave_signals_to_the_trainer(worker: int) -> None:  # noqa: ARG001  # DataLoader's signature
    """A worker process must not take the trainer's handlers with it: it could not be stopped."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
