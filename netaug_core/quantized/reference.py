"""Executes a quantised model in integers: what ONNX must meet within a step, and C bit for bit.

N images, H and W rows and columns, C channels.
"""

from collections.abc import Iterator

import numpy as np

from netaug_core.graph.operations import IMAGE
from netaug_core.quantized import bounds
from netaug_core.quantized.kernels import Int8, execute
from netaug_core.quantized.model import QuantizedModel

CHUNK = 16  # images that are computed at a time: what is in between stays in a cache


def answers(model: QuantizedModel, images: Int8) -> list[Int8]:
    """The outputs (N, H, W, C) of images (N, H, W, C), in the graph's order.

    Raises:
        AccumulatorOverflow: 32 bits are too few for a layer.
    """
    bounds.check(model)
    parts = [_run(model, chunk) for chunk in _chunks(images)]
    return [np.concatenate([part[name] for part in parts]) for name in model.graph.outputs]


def run(model: QuantizedModel, images: Int8) -> dict[str, Int8]:
    """Every tensor (N, H, W, C) by its name, the image included.

    Raises:
        AccumulatorOverflow: 32 bits are too few for a layer.
    """
    bounds.check(model)
    parts = [_run(model, chunk, keep_all=True) for chunk in _chunks(images)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _chunks(images: Int8) -> Iterator[Int8]:
    for first in range(0, max(len(images), 1), CHUNK):
        yield images[first : first + CHUNK]


def _run(model: QuantizedModel, images: Int8, *, keep_all: bool = False) -> dict[str, Int8]:
    made = {IMAGE: images}
    last_reads = {name: one for one in model.graph.operations for name in one.inputs}
    for operation in model.graph.operations:
        made[operation.name] = execute(model, operation, [made[name] for name in operation.inputs])
        for name in set(operation.inputs) - set(model.graph.outputs):
            if not keep_all and last_reads[name] is operation:
                del made[name]
    return made
