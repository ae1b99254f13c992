"""The convolutions of a quantised model in C. O output channels, K kernel, I input channels."""

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export import literals, steps
from netaug_core.c_export.literals import array
from netaug_core.c_export.steps import Places, Step, constant
from netaug_core.graph.operations import Conv
from netaug_core.quantized.model import ConvNumbers, QuantizedModel


def step(model: QuantizedModel, places: Places, conv: Conv) -> Step:
    numbers, name = model.numbers[conv.name], places.names[conv.name]
    assert isinstance(numbers, ConvNumbers)  # noqa: S101  # for mypy
    dense = "netaug_conv_1x1" if conv.kernel == 1 else "netaug_conv"
    kernel = "netaug_depthwise" if conv.depthwise else dense
    layer = _layer(model, places, conv, numbers)
    call = places.call(conv, kernel, f"&{name}", *places.inputs(conv), places.address(conv.name))
    calls, kernels = [call], [kernel, "netaug_finish"]
    if not conv.depthwise:
        kernels.append("netaug_dot")
    if numbers.table is not None:
        calls.append(_look_up(places, conv))
        kernels.append("netaug_table")
    return Step(tuple(calls), tuple(kernels), layer, _constants(model, conv, numbers, name))


def _layer(model: QuantizedModel, places: Places, conv: Conv, numbers: ConvNumbers) -> str:
    name, zero = places.names[conv.name], model.tensors[conv.inputs[0]].zero_point
    return constant(
        "netaug_conv_layer",
        name,
        steps.window(places, conv, conv.kernel, conv.stride),
        f".weights = {name}_weights, .bias = {name}_bias",
        f".mantissas = {name}_mantissas, .shifts = {name}_shifts",
        f".in_zero = {zero}, .out_zero = {numbers.zero_point}, "
        f".low = {numbers.low}, .high = {numbers.high}",
    )


def _look_up(places: Places, conv: Conv) -> str:
    count = str(places.graph.shapes[conv.name].elements)
    arguments = (f"{places.names[conv.name]}_table", count, places.address(conv.name))
    return places.call(conv, "netaug_table", *arguments, note=f", {conv.activation}")


def _constants(model: QuantizedModel, conv: Conv, numbers: ConvNumbers, name: str) -> str:
    weights = numbers.weights
    if conv.depthwise:  # the kernel reads the channels of a pixel side by side
        weights = weights.transpose(1, 2, 3, 0)  # (K, K, 1, O)
    arrays = [
        array(f"{name}_weights", weights, comment=literals.comment(conv.name)),
        array(f"{name}_bias", folded_bias(numbers, model.tensors[conv.inputs[0]].zero_point)),
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
    return np.asarray(numbers.bias.astype(np.int64) - zero * sums, np.int32)


def constant_bytes(model: QuantizedModel) -> int:
    """Of the arrays in weights.h: a channel has a bias, a mantissa and, in one byte, a shift."""
    convolutions = [one for one in model.numbers.values() if isinstance(one, ConvNumbers)]
    tables = sum(one.table.nbytes for one in convolutions if one.table is not None)
    return tables + sum(one.weights.nbytes + 9 * one.bias.size for one in convolutions)
