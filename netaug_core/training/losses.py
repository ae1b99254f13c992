"""Keeps the losses of an epoch, and finds the step at which one stopped being finite."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from netaug_core.errors import NonFiniteLoss
from netaug_core.training.learner import TERMS

# Steps between two looks at the losses: each look makes a GPU wait. Also before each checkpoint,
# each report and at the end of an epoch, so that no bad weights are ever kept.
CHECK_STEPS = 16


class LossLog:
    """Sums of the losses of this epoch, term by term. A step may lack the augmented term."""

    def __init__(self, sums: Sequence[float] = (), counts: Sequence[int] = ()) -> None:
        self.sums = list(sums) or [0.0] * len(TERMS)
        self.counts = list(counts) or [0] * len(TERMS)
        self.latest: list[float] = []  # newest value of each term that was read
        self._pending: list[Tensor] = []

    def add(self, losses: Tensor, step: int) -> None:
        """Note the losses (terms,) of a step.

        Raises:
            NonFiniteLoss: one of the last CHECK_STEPS losses is not finite.
        """
        self._pending.append(losses)
        if len(self._pending) >= CHECK_STEPS:
            self.settle(step)

    def settle(self, step: int) -> None:
        """Read the losses noted so far; `step` is that of the newest.

        Raises:
            NonFiniteLoss: one of them is not finite.
        """
        if not self._pending:
            return
        values = iter(torch.cat(self._pending).tolist())  # one wait for the device
        first = step - len(self._pending) + 1
        for offset, losses in enumerate(self._pending):
            self._count([next(values) for _ in range(len(losses))], first + offset)
        self._pending.clear()

    def means(self) -> list[float]:
        """Mean of each term over the settled steps that had it; the base term first."""
        pairs = zip(self.sums, self.counts, strict=True)
        return [total / count for total, count in pairs if count]

    def _count(self, row: list[float], step: int) -> None:
        _check(row, step)
        self.latest = row + self.latest[len(row) :]
        for term, loss in enumerate(row):
            self.sums[term] += loss
            self.counts[term] += 1


def _check(losses: Sequence[float], step: int) -> None:
    for term, loss in zip(TERMS, losses, strict=False):
        if not math.isfinite(loss):
            raise NonFiniteLoss(
                f"training.learning_rate: the {term} loss became {loss} at step {step}; "
                "lower the learning rate or lengthen the warm-up"
            )
