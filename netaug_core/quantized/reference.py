"""Executes a quantised model in integers: what ONNX must meet within a step, and C bit for bit.

N images, H and W rows and columns, C channels, P pixels of all images, F products of a sum.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.convolving import windows
from netaug_core.graph.operations import (
    IMAGE,
    Add,
    Average,
    Concat,
    Conv,
    MaxPool,
    Operation,
    Scale,
    Upsample,
)
from netaug_core.quantized import bounds, convolving
from netaug_core.quantized.fixed_point import requantise
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)

CHUNK = 64  # images that are computed at a time: what is in between stays small
LOWEST = -128

Int8: TypeAlias = NDArray[np.int8]


def answers(model: QuantizedModel, images: Int8) -> list[Int8]:
    """The outputs (N, H, W, C) of images (N, H, W, C), in the graph's order.

    Raises:
        AccumulatorOverflow: 32 bits are too few for a layer.
    """
    bounds.check(model)
    parts = [_run(model, chunk) for chunk in _chunks(images)]
    return [np.concatenate([part[name] for part in parts]) for name in model.graph.outputs]


def run(model: QuantizedModel, images: Int8) -> dict[str, Int8]:
    """Every tensor (N, H, W, C) by its name, the image included.

    Raises:
        AccumulatorOverflow: 32 bits are too few for a layer.
    """
    bounds.check(model)
    parts = [_run(model, chunk, keep_all=True) for chunk in _chunks(images)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def execute(model: QuantizedModel, operation: Operation, inputs: list[Int8]) -> Int8:
    """One operation on its inputs. The model's bounds are not checked again."""
    return _KERNELS[type(operation)](model, operation, inputs)


def _chunks(images: Int8) -> Iterator[Int8]:
    for first in range(0, max(len(images), 1), CHUNK):
        yield images[first : first + CHUNK]


def _run(model: QuantizedModel, images: Int8, *, keep_all: bool = False) -> dict[str, Int8]:
    made = {IMAGE: images}
    last_reads = {name: one for one in model.graph.operations for name in one.inputs}
    for operation in model.graph.operations:
        made[operation.name] = execute(model, operation, [made[name] for name in operation.inputs])
        for name in set(operation.inputs) - set(model.graph.outputs):
            if not keep_all and last_reads[name] is operation:
                del made[name]
    return made


def before_table(model: QuantizedModel, conv: Conv, images: Int8) -> Int8:
    """What a convolution's table is given; without a table, what the convolution makes."""
    numbers = model.numbers[conv.name]
    assert isinstance(numbers, ConvNumbers)  # noqa: S101  # for mypy: so it is in each kernel
    inputs = model.tensors[conv.inputs[0]]
    zeroed = images.astype(np.int32) - inputs.zero_point
    largest = int(bounds.of_products(numbers, inputs).max())
    sums = convolving.sums(zeroed, numbers.weights, conv, largest) + numbers.bias
    scaled = requantise(sums, numbers.mantissas, numbers.shifts) + numbers.zero_point
    return _clamped(scaled, numbers.low, numbers.high)


def look_up(table: Int8, values: Int8) -> Int8:
    """The integer of each integer; a table starts with that of -128."""
    return table[values.astype(np.int16) - LOWEST]


def _convolve(model: QuantizedModel, conv: Conv, inputs: list[Int8]) -> Int8:
    numbers = model.numbers[conv.name]
    assert isinstance(numbers, ConvNumbers)  # noqa: S101
    clamped = before_table(model, conv, inputs[0])
    return clamped if numbers.table is None else look_up(numbers.table, clamped)


def _pool(model: QuantizedModel, pool: MaxPool, inputs: list[Int8]) -> Int8:
    del model
    seen = windows(inputs[0], pool.kernel, pool.stride, missing=LOWEST)
    return np.asarray(seen.max((3, 4)))


def _average(model: QuantizedModel, average: Average, inputs: list[Int8]) -> Int8:
    numbers = model.numbers[average.name]
    assert isinstance(numbers, AverageNumbers)  # noqa: S101
    sums = _zeroed(model, average, inputs, 0).sum((1, 2), keepdims=True)
    factor = numbers.factor
    scaled = requantise(sums, factor.mantissa, factor.shift)
    return _clamped(scaled + _output(model, average).zero_point)


def _add(model: QuantizedModel, add: Add, inputs: list[Int8]) -> Int8:
    numbers = model.numbers[add.name]
    assert isinstance(numbers, AddNumbers)  # noqa: S101
    sums: NDArray[np.int64] | int = 0
    for place, factor in enumerate((numbers.first, numbers.second)):
        shifted = _zeroed(model, add, inputs, place) << AddNumbers.LEFT_SHIFT
        sums = sums + requantise(shifted, factor.mantissa, factor.shift)
    scaled = requantise(np.asarray(sums), numbers.output.mantissa, numbers.output.shift)
    return _clamped(scaled + _output(model, add).zero_point, numbers.low, numbers.high)


def _scale(model: QuantizedModel, scale: Scale, inputs: list[Int8]) -> Int8:
    numbers = model.numbers[scale.name]
    assert isinstance(numbers, ScaleNumbers)  # noqa: S101
    products = _zeroed(model, scale, inputs, 0) * _zeroed(model, scale, inputs, 1)
    scaled = requantise(products, numbers.factor.mantissa, numbers.factor.shift)
    return _clamped(scaled + _output(model, scale).zero_point)


def _concatenate(model: QuantizedModel, concat: Concat, inputs: list[Int8]) -> Int8:
    del model, concat
    return np.concatenate(inputs, -1)


def _enlarge(model: QuantizedModel, upsample: Upsample, inputs: list[Int8]) -> Int8:
    del model, upsample
    return inputs[0].repeat(2, axis=1).repeat(2, axis=2)


def _zeroed(
    model: QuantizedModel, operation: Operation, inputs: list[Int8], place: int
) -> NDArray[np.int64]:
    zero_point = model.tensors[operation.inputs[place]].zero_point
    return inputs[place].astype(np.int64) - zero_point


def _output(model: QuantizedModel, operation: Operation) -> Quantization:
    return model.tensors[operation.name]


def _clamped(values: NDArray[np.int64], low: int = LOWEST, high: int = 127) -> Int8:
    return values.clip(low, high).astype(np.int8)


_KERNELS: Mapping[type, Callable[[QuantizedModel, Any, list[Int8]], Int8]] = {
    Conv: _convolve,
    MaxPool: _pool,
    Average: _average,
    Add: _add,
    Scale: _scale,
    Concat: _concatenate,
    Upsample: _enlarge,
}
