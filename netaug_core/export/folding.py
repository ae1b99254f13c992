"""A trained network as a device runs it: every batch normalisation becomes part of its convolution.

O output channels, K kernel, I input channels.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netaug_core.errors import NotQuantizable
from netaug_core.graph import building
from netaug_core.graph.folded import FoldedConv, FoldedModel
from netaug_core.graph.operations import Conv
from netaug_core.models.blocks import ConvNorm
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Network


def fold(network: Network | DetectionNetwork, input_size: int) -> FoldedModel:
    """The network on square images of `input_size`, as it is in eval mode.

    Raises:
        NotQuantizable: a weight, or a channel's norm, is no number.
    """
    graph = building.of_table(network.architecture, input_size)
    convolutions = {
        one.name: _folded(one.name, network.get_submodule(one.name))
        for one in graph.operations
        if isinstance(one, Conv)
    }
    return FoldedModel(graph, convolutions)


def constant_channels(network: nn.Module) -> Mapping[str, tuple[int, ...]]:
    """Channels whose norm has seen no variance, by the layer's name: they say nothing of an image.

    They fold as they are, for the norm's epsilon keeps them finite; a card may tell of them.
    """
    found = {}
    for name, layer in network.named_modules():
        if isinstance(layer, ConvNorm) and layer.norm is not None:
            still = torch.nonzero(_statistic(layer.norm.running_var) == 0).flatten().tolist()
            if still:
                found[name] = tuple(still)
    return found


@torch.no_grad()
def _folded(name: str, layer: nn.Module) -> FoldedConv:
    if isinstance(layer, nn.Linear):
        weights, bias = layer.weight.double()[:, :, None, None], layer.bias.double()
    else:
        assert isinstance(layer, ConvNorm)  # noqa: S101  # for mypy: a graph names nothing else
        weights, bias = _of_conv(name, layer)
    _refuse_non_finite(name, weights, bias)
    return FoldedConv(
        weights=_as_array(weights.permute(0, 2, 3, 1)),  # (O, K, K, I)
        bias=_as_array(bias),
    )


def _of_conv(name: str, layer: ConvNorm) -> tuple[Tensor, Tensor]:
    """Weights (O, I, K, K) and bias (O,), float64."""
    weights = layer.conv.weight.double()
    bias = weights.new_zeros(len(weights))
    if layer.conv.bias is not None:
        bias = layer.conv.bias.double()
    if layer.norm is None:
        return weights, bias
    mean, variance = _statistic(layer.norm.running_mean), _statistic(layer.norm.running_var)
    spread = variance + layer.norm.eps
    _refuse_variance(name, spread)
    factor = layer.norm.weight.double() / spread.sqrt()
    return weights * factor[:, None, None, None], (bias - mean) * factor + layer.norm.bias.double()


def _statistic(running: Tensor | None) -> Tensor:
    assert running is not None  # noqa: S101  # for mypy: always tracked
    return running.double()


def _refuse_variance(name: str, spread: Tensor) -> None:
    bad = torch.nonzero(~(spread > 0) | spread.isinf()).flatten().tolist()
    if bad:
        raise NotQuantizable(
            f"{name}: channel {bad[0]} has no usable variance (variance plus epsilon is "
            f"{spread[bad[0]].item():g}), so its norm cannot be folded: train with a lower "
            "learning_rate, or calibrate the norms again"
        )


def _refuse_non_finite(name: str, weights: Tensor, bias: Tensor) -> None:
    is_finite = weights.float().isfinite().flatten(1).all(1) & bias.float().isfinite()
    bad = torch.nonzero(~is_finite).flatten().tolist()
    if bad:
        raise NotQuantizable(
            f"{name}: channel {bad[0]} has weights that are not finite after its norm is folded "
            "in: train with a lower learning_rate"
        )


def _as_array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.float().cpu().numpy())
