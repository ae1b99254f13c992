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
    """Sums of the losses of this epoch, term by term."""

    def __init__(self, sums: Sequence[float] = (), num_steps: int = 0) -> None:
        self.sums = list(sums)
        self.num_steps = num_steps
        self.latest: list[float] = []  # of the newest step that was read
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
        rows = torch.stack(self._pending).tolist()
        for offset, row in enumerate(rows):
            _check(row, step - len(rows) + 1 + offset)
            self.sums = [a + b for a, b in zip(self.sums or [0.0] * len(row), row, strict=True)]
        self.num_steps += len(rows)
        self.latest = rows[-1]
        self._pending.clear()

    def means(self) -> list[float]:
        """Mean of each term over the settled steps."""
        return [total / self.num_steps for total in self.sums]


def _check(losses: Sequence[float], step: int) -> None:
    for term, loss in zip(TERMS, losses, strict=False):
        if not math.isfinite(loss):
            raise NonFiniteLoss(
                f"training.learning_rate: the {term} loss became {loss} at step {step}; "
                "lower the learning rate or lengthen the warm-up"
            )
