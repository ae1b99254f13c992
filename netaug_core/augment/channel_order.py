"""Moves the most important inner channels of each part to the front, into the tiny net.

The widest net computes the same as before; the tiny net takes over better channels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from netaug_core.augment.supernet import Supernet
from netaug_core.models.blocks import InnerChannels


@torch.no_grad()
def sort_channels(
    supernet: Supernet[Any, Any],
    optimizer: Optimizer,
    *,
    sort_momentum: bool = True,
    followers: Sequence[Supernet[Any, Any]] = (),
) -> None:
    """Sort every part's inner channels by the L1 norm of what the next convolution reads of them.

    The parts are a network's blocks and a detector's scales.
    Sorting twice changes nothing more: equal channels keep their order.

    Args:
        supernet: decides the order.
        optimizer: of its weights.
        sort_momentum: move a weight's momentum with it. Left behind, as in the reference code, it
            pushes another channel's weight.
        followers: copies that hold averaged weights; the same channels of theirs are moved.
    """
    nets = (supernet, *followers)
    for same_part in zip(*(net.network.sortable() for net in nets), strict=True):
        for same_channels in zip(*(part.inner_channels() for part in same_part), strict=True):
            order = _importance_order(same_channels[0])
            for inner in same_channels:
                _permute(inner, order)
            if sort_momentum:
                _permute_momentum(same_channels[0], order, optimizer)


def _importance_order(inner: InnerChannels) -> Tensor:
    # In float64 the sum is the same wherever the channel stands: sorting again moves nothing.
    importance = inner.importance.double().abs().sum((0, 2, 3))  # (channels,)
    return torch.argsort(importance, descending=True, stable=True)


def _permute(inner: InnerChannels, order: Tensor) -> None:
    for dim, tensors in enumerate((inner.rows, inner.columns)):
        for tensor in tensors:
            tensor.copy_(tensor.index_select(dim, order))


def _permute_momentum(inner: InnerChannels, order: Tensor, optimizer: Optimizer) -> None:
    for dim, tensors in enumerate((inner.rows, inner.columns)):
        for tensor in tensors:
            momentum = optimizer.state.get(tensor, {}).get("momentum_buffer")
            if momentum is not None:
                momentum.copy_(momentum.index_select(dim, order))
