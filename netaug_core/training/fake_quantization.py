"""A folded network in torch that rounds as its integers will, and learns all the same.

Rounding has no slope: backward takes it for the identity, and for zero where a value is cut off
(straight-through; Jacob et al., 2018, section 3).
B batch, C channels, H and W rows and columns, O output channels, K kernel, I input channels.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.graph.folded import FoldedConv, FoldedModel
from netaug_core.graph.operations import (
    IMAGE,
    Add,
    Average,
    Concat,
    Conv,
    Function,
    MaxPool,
    Scale,
    Upsample,
)
from netaug_core.quantized import tensors
from netaug_core.quantized.model import Quantization
from netaug_core.quantized.ranges import HIGHEST, LOWEST, Ranges
from netaug_core.quantized.weights import LARGEST

SMALLEST_SCALE = 1e-12  # of weights that are all zero

ACTIVATIONS: Mapping[Function, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "h_swish": F.hardswish,
    "h_sigmoid": F.hardsigmoid,
    "none": lambda values: values,
}


class FakeQuantized(nn.Module):
    """A network whose sums have no activation by table.

    Args:
        model: what it starts from.
        ranges: of all tensors; they stay as they are.
    """

    def __init__(self, model: FoldedModel, ranges: Ranges) -> None:
        super().__init__()
        self.graph = model.graph
        self._ranges = ranges
        self._tensors = tensors.quantizations(model.graph, ranges)
        self._places = {name: place for place, name in enumerate(model.convolutions)}
        self.weights = nn.ParameterList(
            torch.from_numpy(conv.weights.transpose(0, 3, 1, 2).copy())  # (O, I, K, K)
            for conv in model.convolutions.values()
        )
        self.biases = nn.ParameterList(
            torch.from_numpy(conv.bias.copy()) for conv in model.convolutions.values()
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """The graph's outputs (B, C, H, W) of images (B, C, H, W)."""
        made = {IMAGE: _rounded(images, self._tensors[IMAGE])}
        for operation in self.graph.operations:
            inputs = [made[name] for name in operation.inputs]
            made[operation.name] = _KERNELS[type(operation)](self, operation, inputs)
        return [made[name] for name in self.graph.outputs]

    def folded(self) -> FoldedModel:
        """With the weights as they are now."""
        convolutions = {
            name: FoldedConv(
                np.ascontiguousarray(_array(self.weights[place]).transpose(0, 2, 3, 1)),
                _array(self.biases[place]).copy(),
            )
            for name, place in self._places.items()
        }
        return FoldedModel(self.graph, convolutions)

    def convolve(self, conv: Conv, inputs: list[Tensor]) -> Tensor:
        place = self._places[conv.name]
        weights, images = _rounded_weights(self.weights[place]), inputs[0]
        stride = conv.stride
        if conv.kernel == 1 and stride > 1:  # see models/strided.py
            images, stride = images[:, :, ::stride, ::stride], 1
        groups = len(weights) if conv.depthwise else 1
        sums = F.conv2d(images, weights, self.biases[place], stride, conv.kernel // 2, 1, groups)
        if conv.name in self._ranges.before:
            sums = _rounded(sums, tensors.before(conv, self._ranges.before))
        return self.activate(conv, sums)

    def activate(self, operation: Conv | Add, sums: Tensor) -> Tensor:
        activated = ACTIVATIONS[operation.activation](sums)
        return _rounded(activated, self._tensors[operation.name])

    def average(self, average: Average, inputs: list[Tensor]) -> Tensor:
        return _rounded(inputs[0].mean((2, 3), keepdim=True), self._tensors[average.name])

    def scale(self, scale: Scale, inputs: list[Tensor]) -> Tensor:
        return _rounded(inputs[0] * inputs[1], self._tensors[scale.name])


def _rounded(values: Tensor, quantization: Quantization) -> Tensor:
    scale, zero_point = quantization.scale, quantization.zero_point
    return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, LOWEST, HIGHEST)


def _rounded_weights(weights: Tensor) -> Tensor:
    """Each output channel on the scale of its largest weight."""
    largest = weights.detach().abs().flatten(1).amax(1)
    scales = (largest / LARGEST).clamp(min=SMALLEST_SCALE)
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weights, scales, zeros, 0, -LARGEST, LARGEST)


def _array(parameter: Tensor) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return parameter.detach().cpu().numpy()


# What only moves bytes has one quantisation with what it reads: nothing is rounded.
_KERNELS: Mapping[type, Callable[[FakeQuantized, Any, list[Tensor]], Tensor]] = {
    Conv: FakeQuantized.convolve,
    MaxPool: lambda _net, pool, inputs: F.max_pool2d(
        inputs[0], pool.kernel, pool.stride, pool.kernel // 2
    ),
    Average: FakeQuantized.average,
    Add: lambda net, add, inputs: net.activate(add, inputs[0] + inputs[1]),
    Scale: FakeQuantized.scale,
    Concat: lambda _net, _concat, inputs: torch.cat(inputs, 1),
    Upsample: lambda _net, _upsample, inputs: F.interpolate(
        inputs[0], scale_factor=2.0, mode="nearest"
    ),
}
