"""A sum whose activation needs a table, as a sum and a convolution that does nothing else."""

from dataclasses import replace

import numpy as np

from netaug_core.graph.folded import FoldedConv, FoldedModel
from netaug_core.graph.operations import Add, Conv, Graph, Operation
from netaug_core.quantized.tables import USEFUL

SUM = ".sum"  # after the name of what is computed now


def with_activations_in_convolutions(model: FoldedModel) -> FoldedModel:
    """The same network; h_swish and h_sigmoid follow convolutions only.

    The convolution is depthwise, 1 x 1, of ones, and has the sum's name: who reads it stays.
    """
    operations: list[Operation] = []
    shapes = dict(model.graph.shapes)
    convolutions = dict(model.convolutions)
    for one in model.graph.operations:
        if not (isinstance(one, Add) and one.activation in USEFUL):
            operations.append(one)
            continue
        inner = one.name + SUM
        channels = shapes[one.name].channels
        shapes[inner] = shapes[one.name]
        convolutions[one.name] = FoldedConv(
            np.ones((channels, 1, 1, 1), np.float32), np.zeros(channels, np.float32)
        )
        operations += [replace(one, name=inner, activation="none"), _ones(one, inner)]
    return FoldedModel(Graph(tuple(operations), shapes, model.graph.outputs), convolutions)


def _ones(add: Add, inner: str) -> Conv:
    return Conv(
        name=add.name,
        inputs=(inner,),
        kernel=1,
        stride=1,
        depthwise=True,
        activation=add.activation,
    )
