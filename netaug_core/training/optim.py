"""The optimizer and its learning rate."""

import math

import torch
from torch import nn

from netaug_core.sections.training import TrainingSpec


def sgd(net: nn.Module, spec: TrainingSpec) -> torch.optim.SGD:
    """SGD with Nesterov momentum; no weight decay on normalisation and biases."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in net.parameters():
        # Scales, shifts and biases are the parameters with a single dimension.
        (decayed if parameter.ndim > 1 else free).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": spec.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, lr=spec.learning_rate, momentum=spec.momentum, nesterov=True, fused=True
    )


def learning_rate(step: int, steps_per_epoch: int, spec: TrainingSpec) -> float:
    """The rate of a step, counted from 0: a line up to the peak, then half a cosine to zero."""
    warmup_steps = spec.warmup_epochs * steps_per_epoch
    if step < warmup_steps:
        start = spec.warmup_start
        return spec.learning_rate * (start + (1 - start) * step / warmup_steps)
    after = (step - warmup_steps) / (spec.epochs * steps_per_epoch - warmup_steps)
    return spec.learning_rate * 0.5 * (1 + math.cos(math.pi * after))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
