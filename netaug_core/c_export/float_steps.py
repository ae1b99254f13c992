"""The operations of a folded float32 model in C."""

from netaug_core.c_export import literals, steps
from netaug_core.c_export.literals import array
from netaug_core.c_export.steps import Places, Step, constant
from netaug_core.graph.folded import FoldedModel
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

ELEMENT_BYTES = 4


def of(model: FoldedModel, places: Places) -> list[Step]:
    """A step for each operation, in their order."""
    return [_step(model, places, operation) for operation in model.graph.operations]


def constant_bytes(model: FoldedModel) -> int:
    """Of the arrays in weights.h."""
    return sum(one.weights.nbytes + one.bias.nbytes for one in model.convolutions.values())


def _step(model: FoldedModel, places: Places, operation: Operation) -> Step:
    if isinstance(operation, Conv):
        return _conv(model, places, operation)
    if isinstance(operation, MaxPool):
        return steps.max_pool(places, operation, "netaug_max_pool_f32")
    if isinstance(operation, Upsample):
        return steps.upsample(places, operation, ELEMENT_BYTES)
    if isinstance(operation, Concat):
        return steps.concat(places, operation, ELEMENT_BYTES)
    return _elementwise(places, operation)


def _elementwise(places: Places, operation: Average | Add | Scale) -> Step:
    shape = places.graph.in_shape(operation)
    if isinstance(operation, Add):
        kernel = "netaug_add_f32"
        numbers = [str(shape.elements), _activation(operation)]
    else:
        kernel = "netaug_average_f32" if isinstance(operation, Average) else "netaug_scale_f32"
        numbers = [f"(netaug_shape){steps.dimensions(shape)}"]
    arguments = (*numbers, *places.inputs(operation), places.address(operation.name))
    return Step((places.call(operation, kernel, *arguments),), (kernel,))


def _conv(model: FoldedModel, places: Places, conv: Conv) -> Step:
    numbers, name = model.convolutions[conv.name], places.names[conv.name]
    kernel = "netaug_depthwise_f32" if conv.depthwise else "netaug_conv_f32"
    layer = constant(
        "netaug_conv_layer_f32",
        name,
        steps.window(places, conv, conv.kernel, conv.stride),
        f".weights = {name}_weights, .bias = {name}_bias",
        f".activation = {_activation(conv)}",
    )
    # The kernels add to all outputs of a pixel at a time: (kernel, kernel, in, out).
    weights = array(
        f"{name}_weights",
        numbers.weights.transpose(1, 2, 3, 0),
        comment=literals.comment(conv.name),
    )
    call = places.call(conv, kernel, f"&{name}", *places.inputs(conv), places.address(conv.name))
    constants = f"{weights}\n{array(f'{name}_bias', numbers.bias)}"
    return Step((call,), (kernel,), layer, constants)


def _activation(operation: Conv | Add) -> str:
    return f"NETAUG_{operation.activation.upper()}"
