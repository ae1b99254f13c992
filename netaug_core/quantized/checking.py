"""Whether a quantised model that was read, not made, is one that a device can execute."""

import math

import numpy as np

from netaug_core.graph import checking
from netaug_core.graph.operations import (
    Add,
    Average,
    Concat,
    Conv,
    Graph,
    MaxPool,
    Operation,
    Scale,
    Upsample,
)
from netaug_core.quantized import bounds
from netaug_core.quantized.fixed_point import LEAST_SHIFT, MOST_SHIFT
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Multiplier,
    Numbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)
from netaug_core.quantized.ranges import HIGHEST, LOWEST
from netaug_core.quantized.tables import USEFUL

KINDS: dict[type[Operation], type[Numbers]] = {
    Conv: ConvNumbers,
    Average: AverageNumbers,
    Add: AddNumbers,
    Scale: ScaleNumbers,
}


def check(model: QuantizedModel) -> None:
    """Raise ValueError with the name of what is wrong, or return."""
    checking.check(model.graph)
    if set(model.tensors) != set(model.graph.shapes):
        raise ValueError("every tensor must have a quantisation")
    for name, quantization in model.tensors.items():
        _check_quantization(name, quantization)
    if set(model.numbers) != {o.name for o in model.graph.operations if type(o) in KINDS}:
        raise ValueError("every convolution, average, sum and scale must have its numbers")
    for operation in model.graph.operations:
        _check_operation(model, operation)
    bounds.check(model)


def _check_quantization(name: str, quantization: Quantization) -> None:
    is_positive = math.isfinite(quantization.scale) and quantization.scale > 0
    if not (is_positive and _is_int8(quantization.zero_point)):
        raise ValueError(f"{name} must have a positive scale and a zero point; got {quantization}")


def _check_operation(model: QuantizedModel, operation: Operation) -> None:
    name = operation.name
    if isinstance(operation, MaxPool | Upsample | Concat):
        if any(model.tensors[one] != model.tensors[name] for one in operation.inputs):
            raise ValueError(f"{name} only moves bytes: it must be quantised as what it reads")
        return
    numbers = model.numbers[name]
    if not isinstance(numbers, KINDS[type(operation)]):
        raise ValueError(f"{name} must have {KINDS[type(operation)].__name__}")
    _check_factors(name, numbers)
    if isinstance(numbers, ConvNumbers | AddNumbers):
        clamps = numbers.low, numbers.high
        if not (all(map(_is_int8, clamps)) and numbers.low <= numbers.high):
            raise ValueError(f"{name} must be clamped to integers of 8 bits; got {clamps}")
    if isinstance(operation, Conv) and isinstance(numbers, ConvNumbers):
        _check_arrays(model.graph, operation, numbers)
        _check_table(model.tensors[name], operation, numbers)
    if isinstance(operation, Add) and operation.activation in USEFUL:
        raise ValueError(f"{name} must have an activation without a table")


def _check_factors(name: str, numbers: Numbers) -> None:
    factors = [factor for factor in vars(numbers).values() if isinstance(factor, Multiplier)]
    if isinstance(numbers, ConvNumbers):
        pairs = zip(numbers.mantissas.tolist(), numbers.shifts.tolist(), strict=True)
        factors = [Multiplier(*pair) for pair in pairs]
    for factor in factors:
        is_large = 1 << 30 <= factor.mantissa < 1 << 31
        is_one = is_large and LEAST_SHIFT <= factor.shift <= MOST_SHIFT
        if not is_one and factor != Multiplier(0, 0):
            raise ValueError(f"{name} has a factor that is none: {factor}")


def _check_arrays(graph: Graph, conv: Conv, numbers: ConvNumbers) -> None:
    for field, (shape, kind) in _shapes(graph, conv).items():
        array = getattr(numbers, field)
        if array.shape != shape or array.dtype != kind:
            raise ValueError(f"{conv.name}.{field} must be {shape} of {np.dtype(kind)}")
    if numbers.weights.min() < -HIGHEST:
        raise ValueError(f"{conv.name}.weights must be of -127..127")


def _check_table(output: Quantization, conv: Conv, numbers: ConvNumbers) -> None:
    table, scale = numbers.table, numbers.table_scale
    if {conv.activation in USEFUL} != {table is not None, scale is not None}:
        raise ValueError(f"{conv.name} must have a table exactly if its activation needs one")
    if table is None or scale is None:
        if numbers.zero_point != output.zero_point:
            raise ValueError(f"{conv.name} must have the zero point of what it makes")
        return
    if table.shape != (256,) or table.dtype != np.int8:
        raise ValueError(f"{conv.name}.table must be (256,) of int8")
    _check_quantization(conv.name, Quantization(scale, numbers.zero_point))


def _shapes(graph: Graph, conv: Conv) -> dict[str, tuple[tuple[int, ...], type]]:
    shape = graph.weight_shape(conv)
    by_channel = (shape[:1], np.int32)
    return {
        "weights": (shape, np.int8),
        "bias": by_channel,
        "mantissas": by_channel,
        "shifts": by_channel,
    }


def _is_int8(value: int) -> bool:
    return LOWEST <= value <= HIGHEST
