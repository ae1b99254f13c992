"""Moves each block's most important inner channels to the front, into the tiny net.

The widest net computes the same as before; the tiny net takes over better channels.
"""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from netaug_core.augment.supernet import Supernet
from netaug_core.models.blocks import Block, ConvNorm


@torch.no_grad()
def sort_channels(supernet: Supernet, optimizer: Optimizer) -> None:
    """Sort every block's inner channels by the L1 norm of what the projection reads from them.

    The momentum of a weight moves with it: left behind, it would push another channel's weight.
    Sorting twice changes nothing more: equal channels keep their order.
    """
    for block in supernet.blocks():
        if block.expand is not None:
            _permute(block, block.expand, _importance_order(block), optimizer)


def _importance_order(block: Block) -> Tensor:
    importance = block.project.conv.weight.abs().sum((0, 2, 3))  # (mid,)
    return torch.argsort(importance, descending=True, stable=True)


def _permute(block: Block, expand: ConvNorm, order: Tensor, optimizer: Optimizer) -> None:
    _permute_parameter(block.project.conv.weight, order, 1, optimizer)
    for layer in (expand, block.depthwise):
        _permute_parameter(layer.conv.weight, order, 0, optimizer)
        _permute_norm(layer.norm, order, optimizer)


def _permute_norm(norm: nn.BatchNorm2d, order: Tensor, optimizer: Optimizer) -> None:
    _permute_parameter(norm.weight, order, 0, optimizer)
    _permute_parameter(norm.bias, order, 0, optimizer)
    for statistic in (norm.running_mean, norm.running_var):
        if statistic is not None:
            statistic.copy_(statistic[order])


def _permute_parameter(parameter: Tensor, order: Tensor, dim: int, optimizer: Optimizer) -> None:
    parameter.copy_(parameter.index_select(dim, order))
    momentum = optimizer.state.get(parameter, {}).get("momentum_buffer")
    if momentum is not None:
        momentum.copy_(momentum.index_select(dim, order))
