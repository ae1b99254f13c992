"""The operations of a quantised model in C."""

from typing import TypeVar

from netaug_core.c_export import integer_convolutions, steps
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
    Multiplier,
    QuantizedModel,
    ScaleNumbers,
)

NumbersOf = TypeVar("NumbersOf", AverageNumbers, AddNumbers, ScaleNumbers)
ELEMENT_BYTES = 1


def of(model: QuantizedModel, places: Places) -> list[Step]:
    """A step for each operation, in their order."""
    return [_step(model, places, operation) for operation in model.graph.operations]


def _step(model: QuantizedModel, places: Places, operation: Operation) -> Step:
    if isinstance(operation, Conv):
        return integer_convolutions.step(model, places, operation)
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
