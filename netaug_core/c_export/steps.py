"""What one operation becomes in C, whatever its numbers are."""

from collections.abc import Mapping
from dataclasses import dataclass

from netaug_core.c_export import literals
from netaug_core.graph.operations import IMAGE, Concat, Graph, MaxPool, Operation, Shape, Upsample


@dataclass(frozen=True)
class Step:
    """Text of an operation.

    Attributes:
        calls: lines of the function that runs the network.
        kernels: files that they need.
        layer: the kernel's constant, of model.c; empty: it needs none.
        constants: the arrays that the layer points to, of weights.h.
    """

    calls: tuple[str, ...]
    kernels: tuple[str, ...]
    layer: str = ""
    constants: str = ""


@dataclass(frozen=True)
class Places:
    """Where a graph's tensors are in C.

    Attributes:
        names: the C name of each tensor.
        elements: of each tensor, the elements before it in the arena.
    """

    graph: Graph
    names: Mapping[str, str]
    elements: Mapping[str, int]

    def address(self, tensor: str, beyond: int = 0) -> str:
        return f"arena + {self.elements[tensor] + beyond}"

    def call(self, operation: Operation, function: str, *arguments: str, note: str = "") -> str:
        """One line, with what it makes."""
        shape = self.graph.shapes[operation.name]
        size = f"{shape.height}x{shape.width}x{shape.channels}"
        made = literals.comment(f"{operation.name} {size}{note}")
        return f"{function}({', '.join(arguments)}); /* {made} */"

    def inputs(self, operation: Operation) -> list[str]:
        return [self.address(name) for name in operation.inputs]


def dimensions(shape: Shape) -> str:
    return f"{{{shape.height}, {shape.width}, {shape.channels}}}"


def constant(kind: str, name: str, *lines: str) -> str:
    """A layer: a constant of structure `kind`, with these lines of fields."""
    fields = "\n".join(f"{literals.INDENT}{line}," for line in lines)
    return f"static const {kind} {name} = {{\n{fields}\n}};"


def window(places: Places, operation: Operation, kernel: int, stride: int) -> str:
    """The fields that convolutions and pools share."""
    before = dimensions(places.graph.in_shape(operation))
    after = dimensions(places.graph.shapes[operation.name])
    return f".in = {before}, .out = {after}, .kernel = {kernel}, .stride = {stride}"


def max_pool(places: Places, pool: MaxPool, kernel: str) -> Step:
    name = places.names[pool.name]
    layer = constant("netaug_pool_layer", name, window(places, pool, pool.kernel, pool.stride))
    arguments = (f"&{name}", *places.inputs(pool), places.address(pool.name))
    return Step((places.call(pool, kernel, *arguments),), (kernel,), layer)


def upsample(places: Places, operation: Upsample, element_bytes: int) -> Step:
    shape = places.graph.in_shape(operation)
    numbers = (shape.height, shape.width, shape.channels * element_bytes)
    arguments = (*map(str, numbers), *places.inputs(operation), places.address(operation.name))
    return Step((places.call(operation, "netaug_upsample", *arguments),), ("netaug_upsample",))


def concat(places: Places, operation: Concat, element_bytes: int) -> Step:
    """A call for each part."""
    whole = places.graph.shapes[operation.name]
    calls, first = [], 0
    for tensor in operation.inputs:
        channels = places.graph.shapes[tensor].channels
        arguments = (
            str(whole.height * whole.width),
            str(channels * element_bytes),
            places.address(tensor),
            str(whole.channels * element_bytes),
            places.address(operation.name, first),
        )
        note = f", channels {first} to {first + channels - 1}"
        calls.append(places.call(operation, "netaug_concat", *arguments, note=note))
        first += channels
    return Step(tuple(calls), ("netaug_concat",))


def names_of(graph: Graph) -> list[str]:
    """Every tensor, in the order they are made."""
    return [IMAGE, *(operation.name for operation in graph.operations)]
