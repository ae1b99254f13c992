"""Gradient projection: the augmented net may not push the tiny one away from its own goal.

Source: Yu et al., Gradient Surgery for Multi-Task Learning, NeurIPS 2020, equation 1, one-sided:
the base gradient always stays as it is.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

SMALLEST = 1e-30  # keeps a zero base gradient from dividing by zero


def take(parameters: Iterable[nn.Parameter]) -> list[Tensor | None]:
    """The gradients so far; the parameters are left without any."""
    taken = []
    for parameter in parameters:
        taken.append(parameter.grad)
        parameter.grad = None
    return taken


@torch.no_grad()
def add_projected(
    parameters: Sequence[nn.Parameter],
    base: Sequence[Tensor | None],
    augmented: Sequence[Tensor | None],
) -> None:
    """Give each parameter base + augmented, without the part of augmented that opposes base.

    All parameters count as one long vector. Nothing is read back from the device.
    """
    pairs = [
        (b, a) for b, a in zip(base, augmented, strict=True) if b is not None and a is not None
    ]
    agreement = sum((b * a).sum() for b, a in pairs)
    length = sum(b.square().sum() for b, _ in pairs)
    if not isinstance(agreement, Tensor) or not isinstance(length, Tensor):
        agreement, length = torch.zeros(()), torch.ones(())  # no parameter is shared
    surplus = agreement.clamp(max=0) / length.clamp(min=SMALLEST)
    for parameter, b, a in zip(parameters, base, augmented, strict=True):
        if b is None or a is None:
            parameter.grad = a if b is None else b
        else:
            parameter.grad = a.addcmul_(b, 1 - surplus)
