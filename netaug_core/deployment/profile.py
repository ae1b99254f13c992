"""What a network takes on a device in 8-bit integers, counted from its table. Torch-free."""

import math
from dataclasses import dataclass
from functools import lru_cache

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.graph import arena, building
from netaug_core.graph.operations import Average, Conv, Graph, MaxPool, Operation, Shape

# Of each output channel of a convolution: bias, mantissa and shift of its scale, four bytes each.
CHANNEL_BYTES = 12
TABLE_BYTES = 256  # of an activation that is looked up
TABLED = ("h_swish", "h_sigmoid")
# Allowances, not measurements: what a device holds beside weights and activations.
CODE_BYTES = 32 * 1024  # kernels, C library, start-up code
STACK_BYTES = 8 * 1024  # stack, and the C library's own variables


@dataclass(frozen=True)
class Layer:
    """One operation.

    Attributes:
        height, width, channels: of what it makes.
        params: as in `Cost`.
        flash_bytes: weights, biases and scales.
        alive_bytes: of all tensors in memory while it runs.
    """

    name: str
    kind: str
    height: int
    width: int
    channels: int
    params: int
    macs: int
    flash_bytes: int
    alive_bytes: int


@dataclass(frozen=True)
class Needs:
    """What must be there: bytes of memory and of flash, and time to multiply."""

    sram_bytes: int
    flash_bytes: int
    macs: int


@dataclass(frozen=True)
class Profile:
    """A network on a device.

    Attributes:
        arena_bytes: of the block that holds all activations.
        lower_bound_bytes: no such block can be smaller.
        peak_layer: the operation at that bound.
        needs: with the allowances for stack and code, which follow.
    """

    input_size: int
    in_channels: int
    num_classes: int
    params: int
    arena_bytes: int
    lower_bound_bytes: int
    peak_layer: str
    needs: Needs
    layers: tuple[Layer, ...]
    stack_bytes: int = STACK_BYTES
    code_bytes: int = CODE_BYTES


@lru_cache(maxsize=64)  # many jobs have few networks
def profile(table: Architecture | Detector, input_size: int) -> Profile:
    """The profile on square images of `input_size` pixels.

    Raises:
        ValueError: a detector's levels do not fit together at this size.
    """
    graph = building.of_table(table, input_size)
    params = cost.params(table, graph)
    alive = arena.alive_bytes(graph)
    planned = arena.plan(graph)
    layers = tuple(
        _layer(graph, one, params.get(one.name, 0), alive[one.name]) for one in graph.operations
    )
    return Profile(
        input_size=input_size,
        in_channels=table.in_channels,
        num_classes=table.num_classes,
        params=sum(layer.params for layer in layers),
        arena_bytes=planned.size_bytes,
        lower_bound_bytes=planned.lower_bound_bytes,
        peak_layer=planned.peak,
        needs=needs(graph, planned.size_bytes),
        layers=layers,
    )


def needs(graph: Graph, arena_bytes: int) -> Needs:
    """What a graph with its arena takes of a device, allowances included."""
    convs = [one for one in graph.operations if isinstance(one, Conv)]
    return Needs(
        sram_bytes=arena_bytes + STACK_BYTES,
        flash_bytes=sum(_flash_bytes(graph, conv) for conv in convs) + CODE_BYTES,
        macs=sum(graph.macs(conv) for conv in convs),
    )


def _layer(graph: Graph, operation: Operation, params: int, alive_bytes: int) -> Layer:
    shape = graph.shapes[operation.name]
    return Layer(
        name=operation.name,
        kind=_kind(operation, graph.in_shape(operation)),
        height=shape.height,
        width=shape.width,
        channels=shape.channels,
        params=params,
        macs=graph.macs(operation) if isinstance(operation, Conv) else 0,
        flash_bytes=_flash_bytes(graph, operation) if isinstance(operation, Conv) else 0,
        alive_bytes=alive_bytes,
    )


def _flash_bytes(graph: Graph, conv: Conv) -> int:
    shape = graph.weight_shape(conv)
    table = TABLE_BYTES if conv.activation in TABLED else 0
    return math.prod(shape) + CHANNEL_BYTES * shape[0] + table


def _kind(operation: Operation, inputs: Shape) -> str:
    """What people call it."""
    if isinstance(operation, MaxPool):
        return "max pool"
    if isinstance(operation, Average):
        return "average pool"
    if not isinstance(operation, Conv):
        return type(operation).__name__.lower()
    if operation.depthwise:
        return f"depthwise {operation.kernel} x {operation.kernel}"
    if inputs.height == inputs.width == 1:
        return "linear"
    return f"conv {operation.kernel} x {operation.kernel}"
