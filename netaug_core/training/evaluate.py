"""Scores of a network on a part of a dataset."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data.batches import Feed
from netaug_core.data.order import Rank, evaluation_positions
from netaug_core.data.parts import Part
from netaug_core.models.network import Network
from netaug_core.training.devices import ONE, Group, in_rounds


@dataclass(frozen=True)
class Scores:
    """`loss` is the mean cross-entropy, without label smoothing."""

    loss: float
    num_correct: int
    num_images: int
    correct_per_class: tuple[int, ...]
    images_per_class: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        return self.num_correct / self.num_images

    @property
    def score(self) -> float:
        """What picks the best epoch."""
        return self.accuracy

    def values(self) -> dict[str, float]:
        """What is told of them, by name."""
        return {"loss": self.loss, "accuracy": self.accuracy}


@torch.no_grad()
def predict(
    network: Network,
    part: Part,
    feed: Feed,
    before_batch: Callable[[], None],
    group: Group = ONE,
) -> Tensor:
    """Logits (N, num_classes) on the CPU, in the part's order. Leaves the network in eval mode.

    Several devices take turns with the batches; each picture is seen once, and each device returns
    the logits of all.
    """
    network.eval()
    logits = [torch.empty(0, network.architecture.num_classes)]  # a device may have no batch
    for batch in in_rounds(feed.evaluation(part), len(part), group):
        before_batch()
        if batch is not None:
            logits.append(network(batch[0]).cpu())
    ranks = [Rank(number, group.rank.count) for number in range(group.rank.count)]
    positions = [evaluation_positions(len(part), rank) for rank in ranks]
    return group.assemble(torch.cat(logits), positions)


def score(logits: Tensor, part: Part) -> Scores:
    """Scores of a part's logits."""
    labels = torch.from_numpy(part.labels)
    num_classes = logits.shape[1]
    correct = logits.argmax(1) == labels
    hits = torch.bincount(labels[correct], minlength=num_classes)
    return Scores(
        loss=F.cross_entropy(logits.double(), labels).item(),
        num_correct=int(correct.sum()),
        num_images=len(part),
        correct_per_class=tuple(hits.tolist()),
        images_per_class=tuple(torch.bincount(labels, minlength=num_classes).tolist()),
    )
