"""A graph as JSON."""

from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

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

_OPERATIONS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (Conv, MaxPool, Average, Add, Scale, Concat, Upsample)
}
_SHAPES = TypeAdapter(dict[str, Shape])
_NAMES = TypeAdapter(tuple[str, ...])


def of_graph(graph: Graph) -> dict[str, Any]:
    return {
        "operations": [{"type": type(one).__name__, **asdict(one)} for one in graph.operations],
        "shapes": _SHAPES.dump_python(dict(graph.shapes), mode="json"),
        "outputs": graph.outputs,
    }


def to_graph(document: dict[str, Any]) -> Graph:
    """The graph of such a document.

    Raises:
        ValueError: it is none; or KeyError or TypeError.
    """
    return Graph(
        tuple(_operation(dict(one)) for one in document["operations"]),
        _SHAPES.validate_python(document["shapes"]),
        _NAMES.validate_python(document["outputs"]),
    )


def _operation(values: dict[str, Any]) -> Operation:
    operation: Operation = _OPERATIONS[values.pop("type")].validate_python(values)
    return operation
