"""Parameters, MACs and peak activation memory of a network, counted on its graph. Torch-free.

Of a detector, decoding and suppression are not counted: they run outside the network.
"""

import math
from dataclasses import dataclass

from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.graph import arena, building
from netaug_core.graph.operations import Conv, Graph


@dataclass(frozen=True)
class Cost:
    """What the tiny network costs on a device.

    Attributes:
        params: weights and biases, batch normalisation's scale and shift included.
        macs: multiply-accumulates of convolutions and the classifier for one image.
        peak_activation_bytes: most bytes alive at one operation, int8: one byte an activation.
        peak_layer: the operation that holds that peak.
    """

    params: int
    macs: int
    peak_activation_bytes: int
    peak_layer: str


def measure(table: Architecture | Detector, input_size: int) -> Cost:
    """Cost of a network of either task on square images of `input_size` pixels.

    Raises:
        ValueError: a detector's levels do not fit together at this size.
    """
    graph = building.of_table(table, input_size)
    alive = arena.alive_bytes(graph)
    peak = max(alive, key=lambda name: alive[name])
    return Cost(
        params=sum(params(table, graph).values()),
        macs=sum(graph.macs(conv) for conv in graph.operations if isinstance(conv, Conv)),
        peak_activation_bytes=alive[peak],
        peak_layer=peak,
    )


def params(table: Architecture | Detector, graph: Graph) -> dict[str, int]:
    """Of each convolution and linear layer, by name, in the order they run."""
    norms = {name: conv.norm for name, conv in table.convolutions().items()}
    return {
        conv.name: _params(graph, conv, norm=norms.get(conv.name, False))
        for conv in graph.operations
        if isinstance(conv, Conv)
    }


def _params(graph: Graph, conv: Conv, *, norm: bool) -> int:
    out_channels, *filters = graph.weight_shape(conv)
    return out_channels * (math.prod(filters) + (2 if norm else 1))  # scale and shift, or a bias
