"""A trained network as a device runs it in float32: its graph, and weights with the norms in them.

O output channels, K kernel, I input channels (1 if depthwise).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.operations import Conv, Graph


@dataclass(frozen=True)
class FoldedConv:
    """What a convolution multiplies with and adds.

    Attributes:
        weights: (O, K, K, I) float32.
        bias: (O,) float32.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class FoldedModel:
    """`convolutions` by the names of the graph's `Conv` operations: one for each."""

    graph: Graph
    convolutions: Mapping[str, FoldedConv]

    def __post_init__(self) -> None:
        for conv in self.graph.operations:
            if isinstance(conv, Conv):
                found, shape = self.convolutions[conv.name], self.graph.weight_shape(conv)
                if found.weights.shape != shape or found.bias.shape != shape[:1]:
                    raise ValueError(
                        f"{conv.name} needs weights {shape} and a bias {shape[:1]}; got "
                        f"{found.weights.shape} and {found.bias.shape}"
                    )
