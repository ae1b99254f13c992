"""Every operation once more, one number at a time with Python's integers: the slow truth.

Transcribed from TFLite's reference kernels: gemmlowp's roundings with their nudges and masks.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.operations import Add, Average, Conv, MaxPool, Operation, Scale
from netaug_core.quantized.model import Multiplier, QuantizedModel

Array = NDArray[np.int8]


def requantise(value: int, factor: Multiplier) -> int:
    value *= 1 << max(factor.shift, 0)
    assert -(2**31) <= value < 2**31
    product = value * factor.mantissa
    nudge = 1 << 30 if product >= 0 else 1 - (1 << 30)
    high = abs(product + nudge) // (1 << 31) * (1 if product + nudge >= 0 else -1)
    exponent = max(-factor.shift, 0)
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return (high >> exponent) + (1 if (high & mask) > threshold else 0)


def execute(model: QuantizedModel, operation: Operation, inputs: list[Array]) -> Array:
    shape = model.graph.shapes[operation.name]
    output = np.zeros((len(inputs[0]), shape.height, shape.width, shape.channels), np.int8)
    for place in itertools.product(*map(range, output.shape)):
        output[place] = _value(model, operation, [one.astype(int) for one in inputs], place)
    return output


def _value(model, operation, inputs, place):  # type: ignore[no-untyped-def]
    zeros = [model.tensors[name].zero_point for name in operation.inputs]
    out = model.tensors[operation.name].zero_point
    numbers = model.numbers.get(operation.name)
    image, _, _, channel = place
    if isinstance(operation, Conv):
        return _conv(numbers, operation, inputs[0], zeros[0], place)
    if isinstance(operation, MaxPool):
        seen = [
            inputs[0][image, y, x, channel] for _, _, y, x in _window(operation, inputs[0], place)
        ]
        return max([-128, *seen])
    if isinstance(operation, Average):
        total = sum(int(v) - zeros[0] for v in inputs[0][image, :, :, channel].ravel())
        return _clamp(requantise(total, numbers.factor) + out)
    if isinstance(operation, Add):
        parts = [
            requantise((int(given[place]) - zero) << 20, factor)
            for given, zero, factor in zip(
                inputs, zeros, (numbers.first, numbers.second), strict=True
            )
        ]
        return _clamp(requantise(sum(parts), numbers.output) + out, numbers.low, numbers.high)
    if isinstance(operation, Scale):
        share = int(inputs[1][image, 0, 0, channel]) - zeros[1]
        return _clamp(requantise((int(inputs[0][place]) - zeros[0]) * share, numbers.factor) + out)
    raise AssertionError(operation)


def _conv(numbers, conv, images, zero, place):  # type: ignore[no-untyped-def]
    channel = place[3]
    total = int(numbers.bias[channel])
    for i, j, y, x in _window(conv, images, place):
        for fan in range(numbers.weights.shape[3]):
            read = channel if conv.depthwise else fan
            weight = int(numbers.weights[channel, i, j, fan])
            total += weight * (int(images[place[0], y, x, read]) - zero)
    factor = Multiplier(int(numbers.mantissas[channel]), int(numbers.shifts[channel]))
    value = _clamp(requantise(total, factor) + numbers.zero_point, numbers.low, numbers.high)
    return value if numbers.table is None else numbers.table[value + 128]


def _window(operation, images, place):  # type: ignore[no-untyped-def]
    """(row, column) of the window and of the image, for each pixel that is there."""
    kernel, stride = operation.kernel, operation.stride
    for i, j in itertools.product(range(kernel), repeat=2):
        y = place[1] * stride + i - kernel // 2
        x = place[2] * stride + j - kernel // 2
        if 0 <= y < images.shape[1] and 0 <= x < images.shape[2]:
            yield i, j, y, x


def _clamp(value: int, low: int = -128, high: int = 127) -> int:
    return max(low, min(high, value))
