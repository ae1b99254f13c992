"""The operations of a quantised model in C. O output channels, K kernel, I input channels."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export import literals, steps
from netaug_core.c_export.literals import array
from netaug_core.c_export.steps import Places, Step, constant
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
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Multiplier,
    QuantizedModel,
    ScaleNumbers,
)

NumbersOf = TypeVar("NumbersOf", ConvNumbers, AverageNumbers, AddNumbers, ScaleNumbers)
ELEMENT_BYTES = 1


def of(model: QuantizedModel, places: Places) -> list[Step]:
    """A step for each operation, in their order."""
    return [_step(model, places, operation) for operation in model.graph.operations]


def constant_bytes(model: QuantizedModel) -> int:
    """Of the arrays in weights.h: a channel has a bias, a mantissa and, in one byte, a shift."""
    convolutions = [one for one in model.numbers.values() if isinstance(one, ConvNumbers)]
    tables = sum(one.table.nbytes for one in convolutions if one.table is not None)
    return tables + sum(one.weights.nbytes + 9 * one.bias.size for one in convolutions)


def _step(model: QuantizedModel, places: Places, operation: Operation) -> Step:
    if isinstance(operation, Conv):
        return _conv(model, places, operation)
    if isinstance(operation, MaxPool):
        return steps.max_pool(places, operation, "netaug_max_pool")
    if isinstance(operation, Upsample):
        return steps.upsample(places, operation, ELEMENT_BYTES)
    if isinstance(operation, Concat):
        return steps.concat(places, operation, ELEMENT_BYTES)
    if isinstance(operation, Average):
        return _average(model, places, operation)
    if isinstance(operation, Add):
        return _add(model, places, operation)
    return _scale(model, places, operation)


def _conv(model: QuantizedModel, places: Places, conv: Conv) -> Step:
    numbers, name = _numbers(model, conv, ConvNumbers), places.names[conv.name]
    dense = "netaug_conv_1x1" if conv.kernel == 1 else "netaug_conv"
    kernel = "netaug_depthwise" if conv.depthwise else dense
    layer = constant(
        "netaug_conv_layer",
        name,
        steps.window(places, conv, conv.kernel, conv.stride),
        f".weights = {name}_weights, .bias = {name}_bias",
        f".mantissas = {name}_mantissas, .shifts = {name}_shifts",
        f".in_zero = {_zero(model, conv.inputs[0])}, .out_zero = {numbers.zero_point}, "
        f".low = {numbers.low}, .high = {numbers.high}",
    )
    out = places.address(conv.name)
    calls = [places.call(conv, kernel, f"&{name}", *places.inputs(conv), out)]
    kernels = [kernel, "netaug_finish", *(() if conv.depthwise else ("netaug_dot",))]
    if numbers.table is not None:
        count = str(places.graph.shapes[conv.name].elements)
        note = f", {conv.activation}"
        calls.append(places.call(conv, "netaug_table", f"{name}_table", count, out, note=note))
        kernels.append("netaug_table")
    return Step(tuple(calls), tuple(kernels), layer, _constants(model, conv, numbers, name))


def _constants(model: QuantizedModel, conv: Conv, numbers: ConvNumbers, name: str) -> str:
    weights = numbers.weights
    if conv.depthwise:  # the kernel reads the channels of a pixel side by side
        weights = weights.transpose(1, 2, 3, 0)  # (K, K, 1, O)
    arrays = [
        array(f"{name}_weights", weights, comment=literals.comment(conv.name)),
        array(f"{name}_bias", folded_bias(numbers, _zero(model, conv.inputs[0]))),
        array(f"{name}_mantissas", numbers.mantissas),
        array(f"{name}_shifts", numbers.shifts.astype(np.int8)),
    ]
    if numbers.table is not None:
        arrays.append(array(f"{name}_table", numbers.table))
    return "\n".join(arrays)


def folded_bias(numbers: ConvNumbers, zero: int) -> NDArray[np.int32]:
    """What is left to add to sum(weights * input) when nothing is subtracted from the input.

    It fits 32 bits, as `bounds.check` has found.
    """
    sums = numbers.weights.astype(np.int64).sum((1, 2, 3))
    return (numbers.bias.astype(np.int64) - zero * sums).astype(np.int32)


def _average(model: QuantizedModel, places: Places, average: Average) -> Step:
    numbers = _numbers(model, average, AverageNumbers)
    layer = constant(
        "netaug_average_layer",
        places.names[average.name],
        f".in = {steps.dimensions(places.graph.in_shape(average))}",
        f".factor = {_factor(numbers.factor)}",
        f".in_zero = {_zero(model, average.inputs[0])}, .out_zero = {_zero(model, average.name)}",
    )
    return _with_layer(places, average, "netaug_average", layer)


def _add(model: QuantizedModel, places: Places, add: Add) -> Step:
    numbers = _numbers(model, add, AddNumbers)
    first, second = add.inputs
    layer = constant(
        "netaug_add_layer",
        places.names[add.name],
        f".elements = {places.graph.shapes[add.name].elements}",
        f".first = {_factor(numbers.first)}, .second = {_factor(numbers.second)}",
        f".sum = {_factor(numbers.output)}",
        f".first_zero = {_zero(model, first)}, .second_zero = {_zero(model, second)}",
        f".out_zero = {_zero(model, add.name)}, .low = {numbers.low}, .high = {numbers.high}",
    )
    return _with_layer(places, add, "netaug_add", layer)


def _scale(model: QuantizedModel, places: Places, scale: Scale) -> Step:
    numbers = _numbers(model, scale, ScaleNumbers)
    first, share = scale.inputs
    layer = constant(
        "netaug_scale_layer",
        places.names[scale.name],
        f".in = {steps.dimensions(places.graph.in_shape(scale))}",
        f".factor = {_factor(numbers.factor)}",
        f".in_zero = {_zero(model, first)}, .share_zero = {_zero(model, share)}, "
        f".out_zero = {_zero(model, scale.name)}",
    )
    return _with_layer(places, scale, "netaug_scale", layer)


def _with_layer(places: Places, operation: Operation, kernel: str, layer: str) -> Step:
    name = places.names[operation.name]
    arguments = (f"&{name}", *places.inputs(operation), places.address(operation.name))
    return Step((places.call(operation, kernel, *arguments),), (kernel,), layer)


def _numbers(model: QuantizedModel, operation: Operation, kind: type[NumbersOf]) -> NumbersOf:
    numbers = model.numbers[operation.name]
    assert isinstance(numbers, kind)  # noqa: S101  # for mypy
    return numbers


def _zero(model: QuantizedModel, tensor: str) -> int:
    return model.tensors[tensor].zero_point


def _factor(factor: Multiplier) -> str:
    return f"{{{factor.mantissa}, {factor.shift}}}"
