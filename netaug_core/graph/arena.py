"""A network's tensors in one static block of memory, in which bytes that are free are used again.

A tensor lives from the operation that makes it (the image from the first one) to the last that
reads it, an output to the end. No two tensors that live at the same time share a byte, but those
that `in_place` names.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from netaug_core.graph import placement
from netaug_core.graph.operations import IMAGE, Add, Graph, Operation, Scale
from netaug_core.graph.placement import Buffer

WORD_BYTES = 4  # four int8 values are read at once, and one float32


@dataclass(frozen=True)
class Arena:
    """Where the tensors lie.

    Attributes:
        offsets: of every tensor's first byte, the image's too.
        size_bytes: of the whole block.
        lower_bound_bytes: no block can be smaller: the most bytes alive at one operation.
        peak: that operation.
    """

    offsets: Mapping[str, int]
    size_bytes: int
    lower_bound_bytes: int
    peak: str


def plan(graph: Graph, *, bytes_per_element: int = 1, alignment: int = WORD_BYTES) -> Arena:
    """A place for every tensor; the same graph always gets the same one.

    Args:
        graph: the network.
        bytes_per_element: 1 for int8, 4 for float32.
        alignment: every offset is a multiple of it.
    """
    alive = alive_bytes(graph, bytes_per_element=bytes_per_element)
    peak = max(alive, key=lambda name: alive[name])
    owners = _owners(graph)
    spans = _spans(graph)
    sizes = {owner: graph.shapes[owner].elements * bytes_per_element for owner in spans}
    buffers = [Buffer(_rounded(sizes[owner], alignment), *span) for owner, span in spans.items()]
    places = dict(zip(spans, placement.place(buffers), strict=True))
    return Arena(
        offsets={name: places[owner] for name, owner in owners.items()},
        size_bytes=max(places[owner] + size for owner, size in sizes.items()),
        lower_bound_bytes=alive[peak],
        peak=peak,
    )


def in_place(graph: Graph) -> dict[str, str]:
    """The operations whose output takes the memory of an input, and which input that is.

    A sum or a scaled map writes over an input of its own size that nothing reads later.
    """
    last = _last_reads(graph)
    found = {}
    for index, operation in enumerate(graph.operations):
        free = (name for name in _overwritable(graph, operation) if last[name] == index)
        chosen = next(free, None)
        if chosen is not None:
            found[operation.name] = chosen
    return found


def alive_bytes(graph: Graph, *, bytes_per_element: int = 1) -> dict[str, int]:
    """The bytes of all tensors alive while an operation runs, by its name."""
    grown = [0] * (len(graph.operations) + 1)
    for owner, (first, last) in _spans(graph).items():
        size = graph.shapes[owner].elements * bytes_per_element
        grown[first] += size
        grown[last + 1] -= size
    names = [operation.name for operation in graph.operations]
    return dict(zip(names, itertools.accumulate(grown[:-1]), strict=True))


def _overwritable(graph: Graph, operation: Operation) -> tuple[str, ...]:
    """Inputs that an operation may write over while it reads them."""
    if not isinstance(operation, Add | Scale):
        return ()
    size = graph.shapes[operation.name].elements
    return tuple(
        name
        for name in operation.inputs
        if graph.shapes[name].elements == size and name not in graph.outputs
    )


def _last_reads(graph: Graph) -> dict[str, int]:
    """The last operation, by its index, at which each tensor is alive."""
    last = {IMAGE: 0}
    for index, operation in enumerate(graph.operations):
        last[operation.name] = index
        last.update(dict.fromkeys(operation.inputs, index))
    last.update(dict.fromkeys(graph.outputs, len(graph.operations) - 1))
    return last


def _owners(graph: Graph) -> dict[str, str]:
    """For every tensor the one that its memory was made for: itself, unless it is in place."""
    owners = {IMAGE: IMAGE}
    taken = in_place(graph)
    for operation in graph.operations:
        name = operation.name
        owners[name] = owners[taken[name]] if name in taken else name
    return owners


def _spans(graph: Graph) -> dict[str, tuple[int, int]]:
    """From which operation to which each owner's memory is in use."""
    last = _last_reads(graph)
    order = {operation.name: index for index, operation in enumerate(graph.operations)}
    spans: dict[str, tuple[int, int]] = {}
    for name, owner in _owners(graph).items():
        first = spans[owner][0] if owner in spans else order.get(name, 0)
        spans[owner] = (first, last[name])
    return spans


def _rounded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
