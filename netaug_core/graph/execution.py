"""Executes a folded model in float32: for calibration, and as the measure of the float C code.

N images, H and W rows and columns, C channels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph import convolving
from netaug_core.graph.convolving import Floats
from netaug_core.graph.folded import FoldedModel
from netaug_core.graph.operations import (
    IMAGE,
    Add,
    Average,
    Concat,
    Conv,
    Function,
    MaxPool,
    Operation,
    Scale,
    Upsample,
)

Float: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Made:
    """What an operation makes of some images.

    Attributes:
        before: (N, H, W, C) its values before the activation.
        tensor: (N, H, W, C) with it.
    """

    operation: Operation
    before: Float
    tensor: Float


def run(model: FoldedModel, images: Float) -> dict[str, Float]:
    """Every tensor (N, H, W, C) by its name, the image included."""
    return {IMAGE: images, **{made.operation.name: made.tensor for made in walk(model, images)}}


def answers(model: FoldedModel, images: Float) -> list[Float]:
    """The outputs (N, H, W, C), in the graph's order."""
    wanted = set(model.graph.outputs)
    found = {m.operation.name: m.tensor for m in walk(model, images) if m.operation.name in wanted}
    return [found[name] for name in model.graph.outputs]


def walk(model: FoldedModel, images: Float) -> Iterator[Made]:
    """What each operation makes, in order; a tensor is kept as long as another reads it."""
    alive = {IMAGE: images}
    last_reads = {name: one for one in model.graph.operations for name in one.inputs}
    for operation in model.graph.operations:
        inputs = [alive[name] for name in operation.inputs]
        before = _KERNELS[type(operation)](model, operation, inputs)
        function: Function = operation.activation if isinstance(operation, Conv | Add) else "none"
        alive[operation.name] = cast("Float", activate(function, before))
        yield Made(operation, before, alive[operation.name])
        for name in set(operation.inputs):
            if last_reads[name] is operation:
                del alive[name]


def activate(function: Function, values: Floats) -> Floats:
    """An activation of floats, as float32 or as float64."""
    if function == "none":
        return values
    if function == "relu":
        return np.asarray(np.maximum(values, 0))
    if function == "relu6":
        return np.asarray(np.clip(values, 0, 6))
    share = np.asarray(np.clip(values + 3, 0, 6) / 6)
    return share if function == "h_sigmoid" else np.asarray(values * share)


def _convolve(model: FoldedModel, conv: Conv, inputs: list[Float]) -> Float:
    numbers = model.convolutions[conv.name]
    return np.asarray(convolving.convolve(inputs[0], numbers.weights, conv) + numbers.bias)


def _pool(model: FoldedModel, pool: MaxPool, inputs: list[Float]) -> Float:
    del model
    seen = convolving.windows(inputs[0], pool.kernel, pool.stride, missing=-np.inf)
    return np.asarray(seen.max((3, 4)))


def _average(model: FoldedModel, average: Average, inputs: list[Float]) -> Float:
    del model, average
    return np.asarray(inputs[0].mean((1, 2), keepdims=True))


def _add(model: FoldedModel, add: Add, inputs: list[Float]) -> Float:
    del model, add
    return inputs[0] + inputs[1]


def _scale(model: FoldedModel, scale: Scale, inputs: list[Float]) -> Float:
    del model, scale
    return inputs[0] * inputs[1]


def _concatenate(model: FoldedModel, concat: Concat, inputs: list[Float]) -> Float:
    del model, concat
    return np.concatenate(inputs, -1)


def _enlarge(model: FoldedModel, upsample: Upsample, inputs: list[Float]) -> Float:
    del model, upsample
    return inputs[0].repeat(2, axis=1).repeat(2, axis=2)


_KERNELS: Mapping[type, Callable[[FoldedModel, Any, list[Float]], Float]] = {
    Conv: _convolve,
    MaxPool: _pool,
    Average: _average,
    Add: _add,
    Scale: _scale,
    Concat: _concatenate,
    Upsample: _enlarge,
}
