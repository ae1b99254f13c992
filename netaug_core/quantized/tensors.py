"""How each tensor of a network is quantised, and where an activation cuts it off."""

from collections.abc import Mapping

from netaug_core.graph.operations import Concat, Conv, Function, Graph, MaxPool, Upsample
from netaug_core.quantized.model import Quantization
from netaug_core.quantized.ranges import HIGHEST, LOWEST, Range, Ranges
from netaug_core.quantized.tables import USEFUL


def quantizations(graph: Graph, ranges: Ranges) -> dict[str, Quantization]:
    """How each tensor is quantised; what only moves bytes has one range with what it reads."""
    tied = dict(ranges.tensors)
    groups = {name: {name} for name in tied}
    for operation in graph.operations:
        if isinstance(operation, MaxPool | Upsample | Concat):
            group = groups[operation.name].union(*(groups[name] for name in operation.inputs))
            groups |= dict.fromkeys(group, group)
    for name, group in groups.items():
        for other in group:
            tied[name] = tied[name].joined(ranges.tensors[other])
    return {name: found.quantization(name) for name, found in tied.items()}


def before(conv: Conv, ranges: Mapping[str, Range]) -> Quantization:
    """How what goes into a convolution's table is quantised."""
    low, high = USEFUL[conv.activation]
    return ranges[conv.name].within(low, high).quantization(conv.name)


def clamps(function: Function, output: Quantization) -> tuple[int, int]:
    """The integers of 0 and of 6, as far as an activation stops there."""
    low = output.zero_point if function in ("relu", "relu6") else LOWEST
    if function != "relu6":
        return low, HIGHEST
    six = output.zero_point + round(6 / output.scale)
    return low, min(six, HIGHEST)
