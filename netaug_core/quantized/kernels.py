"""Each operation of a quantised model in integers, as docs/quantization.md writes it out.

N images, H and W rows and columns, C channels.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.convolving import windows
from netaug_core.graph.operations import (
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

LOWEST = -128

Int8: TypeAlias = NDArray[np.int8]


def execute(model: QuantizedModel, operation: Operation, inputs: list[Int8]) -> Int8:
    """One operation on its inputs. The model's bounds are not checked again."""
    return _KERNELS[type(operation)](model, operation, inputs)


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
