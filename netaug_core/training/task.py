"""What the trainer asks of a task: its data, network, loss and scores. Each task has its own types.

B pictures of a batch, S side of the network's input.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from netaug_core.data.dataset import Dataset
from netaug_core.data.order import Rank
from netaug_core.training.devices import Group
from netaug_core.weights import Inputs, WeightsFile

Table: TypeAlias = Any  # of a network: an Architecture or a Detector
Part: TypeAlias = Any  # of a dataset; has a length
Targets: TypeAlias = Any  # of a batch
Prepared: TypeAlias = Any  # targets, with what all passes of a step share
Answers: TypeAlias = Any  # of a network to a whole part: logits, or the objects it found


class Batch(Protocol):
    """Pictures to learn from."""

    @property
    def images(self) -> Tensor:
        """(B, C, S, S), normalised."""

    @property
    def targets(self) -> Targets:
        """What they should give."""


class Feed(Protocol):
    """Where batches come from."""

    @property
    def device(self) -> torch.device: ...

    @property
    def evaluation_batch(self) -> int:
        """Pictures of a batch that nothing is learnt from."""

    def on(self, device: torch.device) -> "Feed":
        """The same, for another device."""

    def training(self, part: Part, epoch: int, batch_size: int, first: int) -> Iterator[Batch]:
        """This rank's batches of an epoch, from the `first` on."""

    def calibration(self, part: Part, count: int) -> Iterator[Tensor]:
        """Images of a fixed subset, varied as in training: this rank's batches."""


class Objective(Protocol):
    """The loss of a pass."""

    def prepare(self, images: Tensor, targets: Targets, /) -> Prepared:
        """What all passes of a step share."""

    def reduced(self, prepared: Prepared, count: int, size: int, /) -> Prepared:
        """Of the first `count` pictures, as they are at the input size `size`."""

    def __call__(self, output: Tensor, prepared: Prepared, /) -> Tensor:
        """The loss, mean over the batch; scalar with graph."""


class Scores(Protocol):
    """How good answers to a part are."""

    @property
    def loss(self) -> float: ...

    @property
    def score(self) -> float:
        """What picks the best epoch, 0..1: the higher the better."""

    def values(self) -> dict[str, float]:
        """All that is told, by name; the loss is `loss`, the score has the task's `score_name`."""


class Task(Protocol):
    """A spec with its data."""

    @property
    def dataset(self) -> Dataset[Any]: ...

    @property
    def score_name(self) -> str: ...

    @property
    def table(self) -> Table:
        """The tiny network."""

    def feed(self, device: torch.device, rank: Rank, num_workers: int) -> Feed: ...

    def objective(self, inputs: Inputs, device: torch.device, group: Group) -> Objective:
        """The loss, with a teacher if the inputs have one.

        Raises:
            BadSpec: the teacher does not fit.
        """

    def load_pretrained(self, net: nn.Module, file: WeightsFile) -> None:
        """Copy a file's weights into a network, or a supernet, that is initialised already.

        Raises:
            BadSpec: they do not fit.
        """

    def answer(
        self,
        network: Any,
        part: Part,
        feed: Any,
        before_batch: Callable[[], None],
        group: Group,
    ) -> Answers:
        """A network's answers to a whole part, in its order. Leaves the network in eval mode.

        Several devices take turns with the batches; each returns the answers of all.
        """

    def score(self, answers: Answers, part: Part) -> Scores: ...

    def rebuild(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The tiny network with these weights, on the CPU, in eval mode."""
