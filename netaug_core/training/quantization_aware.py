"""Quantisation-aware fine-tuning: some epochs in which a folded network learns with its rounding.

It is a function of what it is given, for a number of threads: a killed job does it again, from the
same trained network, to the same bits.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netaug_core.errors import NonFiniteLoss
from netaug_core.graph.folded import FoldedModel
from netaug_core.quantized.ranges import Ranges
from netaug_core.sections.quantization import QuantizationSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.training import optim
from netaug_core.training.fake_quantization import FakeQuantized
from netaug_core.training.task import Batch, Objective


@dataclass(frozen=True)
class Lessons:
    """What is learnt from.

    Attributes:
        batches: of an epoch, by its number from 0 on.
        steps_per_epoch: how many each epoch has.
        objective: the loss, that of the training.
        answer: the network's answer as the objective takes it, of the graph's outputs.
        device: where it happens.
        before_step: called before each step; it may raise, to leave.
    """

    batches: Callable[[int], Iterator[Batch]]
    steps_per_epoch: int
    objective: Objective
    answer: Callable[[Sequence[Tensor]], Tensor]
    device: torch.device
    before_step: Callable[[], None]


def fine_tune(
    model: FoldedModel,
    ranges: Ranges,
    lessons: Lessons,
    *,
    section: QuantizationSpec,
    training: TrainingSpec,
) -> FoldedModel:
    """The network after `aware_epochs`; its ranges are still those given.

    Momentum and weight decay are the training's.

    Raises:
        NonFiniteLoss: it diverged.
    """
    torch.manual_seed(training.seed)
    net = FakeQuantized(model, ranges).to(lessons.device)
    optimizer = optim.sgd(net, training)
    steps = section.aware_epochs * lessons.steps_per_epoch
    step = 0
    for epoch in range(section.aware_epochs):
        loss = torch.zeros(())
        for batch in lessons.batches(epoch):
            lessons.before_step()
            rate = section.aware_learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            optim.set_learning_rate(optimizer, rate)
            loss = _step(net, optimizer, batch, lessons)
            step += 1
        if not math.isfinite(loss.item()):
            raise NonFiniteLoss(
                f"quantization.aware_learning_rate: the loss became {loss.item()} in epoch "
                f"{epoch + 1} of fine-tuning; lower it"
            )
    return net.folded()


def _step(
    net: FakeQuantized, optimizer: torch.optim.Optimizer, batch: Batch, lessons: Lessons
) -> Tensor:
    optimizer.zero_grad()
    prepared = lessons.objective.prepare(batch.images, batch.targets)
    loss = lessons.objective(lessons.answer(net(batch.images)), prepared)
    loss.backward()  # type: ignore[no-untyped-call]  # torch ships no type for it
    optimizer.step()
    return loss.detach()
