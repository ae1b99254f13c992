"""The first layer at which two ways to run a model in integers part, found by halving it."""

from collections.abc import Callable

from netaug_core.graph.operations import IMAGE, Graph
from netaug_core.quantized.model import QuantizedModel


def up_to(model: QuantizedModel, last: str) -> QuantizedModel:
    """The model with one layer's tensor as its answer, and nothing after it."""
    names = [operation.name for operation in model.graph.operations]
    kept = model.graph.operations[: names.index(last) + 1]
    made = {IMAGE, *(operation.name for operation in kept)}
    graph = Graph(kept, {name: model.graph.shapes[name] for name in made}, (last,))
    return QuantizedModel(
        graph,
        {name: found for name, found in model.tensors.items() if name in made},
        {name: found for name, found in model.numbers.items() if name in made},
    )


def first_difference(model: QuantizedModel, agrees: Callable[[QuantizedModel], bool]) -> str | None:
    """The first layer whose tensor is not the same, if what comes after a difference differs too.

    Args:
        model: that was run.
        agrees: runs a model both ways.
    """
    names = [operation.name for operation in model.graph.operations]
    low, high = 0, len(names)  # all before `low` agree; the first that does not is before `high`
    while low < high:
        middle = (low + high) // 2
        if agrees(up_to(model, names[middle])):
            low = middle + 1
        else:
            high = middle
    return names[low] if low < len(names) else None
