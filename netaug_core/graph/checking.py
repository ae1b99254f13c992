"""Whether a graph that was read, not built, holds together."""

from netaug_core.graph.operations import (
    Add,
    Average,
    Concat,
    Conv,
    Graph,
    MaxPool,
    Operation,
    Scale,
    Shape,
    Upsample,
)
from netaug_core.vocabulary import strided

LARGEST_SIDE = 1 << 15


def check(graph: Graph) -> None:
    """Raise ValueError with the tensor whose shape is not what its operation makes, or return."""
    for name, shape in graph.shapes.items():
        if not all(0 < side <= LARGEST_SIDE for side in (shape.height, shape.width)):
            raise ValueError(f"{name} must have 1 to {LARGEST_SIDE} rows and columns; got {shape}")
        if shape.channels < 1:
            raise ValueError(f"{name} must have channels; got {shape}")
    if not graph.outputs:
        raise ValueError("a network must have an output")
    for operation in graph.operations:
        made = _made(operation, [graph.shapes[name] for name in operation.inputs], graph)
        if graph.shapes[operation.name] != made:
            raise ValueError(
                f"{operation.name} must be {made}, by what it reads; it says "
                f"{graph.shapes[operation.name]}"
            )


def _made(operation: Operation, inputs: list[Shape], graph: Graph) -> Shape:
    first = inputs[0]
    if isinstance(operation, Conv | MaxPool):
        return _strided(operation, first, graph.shapes[operation.name].channels)
    if isinstance(operation, Average):
        return Shape(1, 1, first.channels)
    if isinstance(operation, Upsample):
        return Shape(2 * first.height, 2 * first.width, first.channels)
    if isinstance(operation, Concat):
        _refuse_other_maps(operation, inputs)
        return Shape(first.height, first.width, sum(one.channels for one in inputs))
    second = first if isinstance(operation, Add) else Shape(1, 1, first.channels)
    if inputs[1] != second:
        raise ValueError(f"{operation.name} must read {second} second; it reads {inputs[1]}")
    assert isinstance(operation, Add | Scale)  # noqa: S101  # for mypy: there is nothing else
    return first


def _strided(operation: Conv | MaxPool, inputs: Shape, channels: int) -> Shape:
    if operation.kernel < 1 or operation.kernel % 2 == 0 or operation.stride < 1:
        raise ValueError(
            f"{operation.name} must have an odd kernel and a stride of at least 1; got "
            f"{operation.kernel} and {operation.stride}"
        )
    keeps_channels = isinstance(operation, MaxPool) or operation.depthwise
    sides = strided(inputs.height, operation.stride), strided(inputs.width, operation.stride)
    return Shape(*sides, inputs.channels if keeps_channels else channels)


def _refuse_other_maps(concat: Concat, inputs: list[Shape]) -> None:
    if len({(one.height, one.width) for one in inputs}) != 1:
        raise ValueError(f"{concat.name} must read maps of one size; it reads {inputs}")
