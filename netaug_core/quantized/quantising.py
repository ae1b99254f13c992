"""A folded network, and the ranges of its tensors, as integers.

Where a real number becomes an integer ahead of time, a half goes to the even one.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from netaug_core.errors import NotQuantizable
from netaug_core.graph.folded import FoldedConv, FoldedModel
from netaug_core.graph.operations import Add, Average, Conv, Operation, Scale
from netaug_core.quantized import bounds, calibration, tables, tensors
from netaug_core.quantized.calibration import CalibrationSet
from netaug_core.quantized.choosing import RangeChoice
from netaug_core.quantized.fixed_point import multiplier
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Numbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)
from netaug_core.quantized.ranges import Range, Ranges
from netaug_core.quantized.rewriting import with_activations_in_convolutions
from netaug_core.quantized.weights import quantised_weights


def quantise(model: FoldedModel, pictures: CalibrationSet, choice: RangeChoice) -> QuantizedModel:
    """The network in 8-bit integers, its ranges those of the pictures.

    Raises:
        NotQuantizable: a layer has no integers; it is named.
    """
    model = with_activations_in_convolutions(model)
    return from_ranges(model, calibration.measure(model, pictures, choice))


def from_ranges(model: FoldedModel, ranges: Ranges) -> QuantizedModel:
    """The network in 8-bit integers.

    Args:
        model: whose sums have no activation by table.
        ranges: of all its tensors.

    Raises:
        NotQuantizable: a layer has no integers; it is named.
    """
    quantizations = tensors.quantizations(model.graph, ranges)
    numbers = {}
    for operation in model.graph.operations:
        try:
            found = _numbers(model, operation, quantizations, ranges.before)
        except ValueError as error:
            raise NotQuantizable(f"{operation.name}: {error}") from error
        if found is not None:
            numbers[operation.name] = found
    quantized = QuantizedModel(model.graph, quantizations, numbers)
    try:
        bounds.check(quantized)
    except bounds.AccumulatorOverflow as error:
        raise NotQuantizable(str(error)) from error
    return quantized


def _numbers(
    model: FoldedModel,
    operation: Operation,
    quantizations: Mapping[str, Quantization],
    ranges: Mapping[str, Range],
) -> Numbers | None:
    first = quantizations[operation.inputs[0]].scale
    output = quantizations[operation.name]
    if isinstance(operation, Conv):
        return _conv_numbers(
            operation,
            model.convolutions[operation.name],
            quantizations,
            tensors.before(operation, ranges) if tables.has_table(operation) else None,
        )
    if isinstance(operation, Average):
        shape = model.graph.in_shape(operation)
        return AverageNumbers(multiplier(first / (output.scale * shape.height * shape.width)))
    if isinstance(operation, Add):
        return _add_numbers(operation, first, quantizations[operation.inputs[1]].scale, output)
    if isinstance(operation, Scale):
        share = quantizations[operation.inputs[1]].scale
        return ScaleNumbers(multiplier(first * share / output.scale))
    return None


def _conv_numbers(
    conv: Conv,
    folded: FoldedConv,
    quantizations: Mapping[str, Quantization],
    before: Quantization | None,
) -> ConvNumbers:
    inputs, output = quantizations[conv.inputs[0]], quantizations[conv.name]
    clamped = output if before is None else before
    weights = quantised_weights(folded, inputs.scale)
    factors = [multiplier(inputs.scale * scale / clamped.scale) for scale in weights.scales]
    low, high = tensors.clamps(conv.activation, clamped)
    return ConvNumbers(
        weights=weights.integers,
        bias=weights.bias,
        mantissas=_int32([factor.mantissa for factor in factors]),
        shifts=_int32([factor.shift for factor in factors]),
        zero_point=clamped.zero_point,
        low=low,
        high=high,
        table=None if before is None else tables.table(conv.activation, before, output),
        table_scale=None if before is None else before.scale,
    )


def _add_numbers(add: Add, first: float, second: float, output: Quantization) -> AddNumbers:
    twice_larger = 2 * max(first, second)
    low, high = tensors.clamps(add.activation, output)
    return AddNumbers(
        first=multiplier(first / twice_larger),
        second=multiplier(second / twice_larger),
        output=multiplier(twice_larger / ((1 << AddNumbers.LEFT_SHIFT) * output.scale)),
        low=low,
        high=high,
    )


def _int32(values: list[int]) -> NDArray[np.int32]:
    return np.array(values, np.int32)
