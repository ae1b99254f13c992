"""Scores of a network on a part of a dataset."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data.batches import Feed
from netaug_core.data.parts import Part
from netaug_core.models.network import Network


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


@torch.no_grad()
def predict(network: Network, part: Part, feed: Feed, before_batch: Callable[[], None]) -> Tensor:
    """Logits (N, num_classes) on the CPU, in the part's order. Leaves the network in eval mode."""
    network.eval()
    logits = []
    for images, _ in feed.evaluation(part):
        before_batch()
        logits.append(network(images).cpu())
    return torch.cat(logits)


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
