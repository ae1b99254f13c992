"""How far model_int8.onnx is from the integer reference, in steps of the integers.

N images, H and W rows and columns, C channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from onnx.utils import Extractor

from netaug_core.export.onnx_nodes import integers_of
from netaug_core.export.onnx_operations import before_of
from netaug_core.graph.operations import IMAGE, Conv, Operation
from netaug_core.quantized import kernels, reference
from netaug_core.quantized.kernels import Int8
from netaug_core.quantized.model import ConvNumbers, Quantization, QuantizedModel

BATCH = 64


@dataclass(frozen=True)
class Steps:
    """How many integers differ by how much."""

    equal: int
    by_one: int
    by_more: int
    largest: int

    @classmethod
    def between(cls, found: Sequence[Int8], expected: Sequence[Int8]) -> "Steps":
        pairs = zip(found, expected, strict=True)
        apart = np.concatenate([np.abs(a.astype(int) - b).ravel() for a, b in pairs])
        by_more = int((apart > 1).sum())
        by_one = int((apart == 1).sum())
        return cls(len(apart) - by_one - by_more, by_one, by_more, int(apart.max(initial=0)))


def answers(path: Path, model: QuantizedModel, images: Int8) -> list[Int8]:
    """The integers (N, H, W, C) of a file's answers to images (N, H, W, C).

    Args:
        path: of the file.
        model: that it was made of.
        images: its integers.
    """
    session = _session(path)
    real = _real(images, model.tensors[IMAGE])
    parts = [
        session.run(None, {session.get_inputs()[0].name: real[first : first + BATCH]})
        for first in range(0, len(real), BATCH)
    ]
    outputs = zip(model.graph.outputs, zip(*parts, strict=True), strict=True)
    return [_integers(np.concatenate(found), model.tensors[name]) for name, found in outputs]


def by_layer(path: Path, model: QuantizedModel, images: Int8) -> dict[str, Steps]:
    """Each layer alone, fed with the reference's integers: what it differs by is its own.

    By the layer's name, in the order in which they run. An activation by table is a part of its
    own: it is compared with the table of what the runtime itself gave to it, for where its slope
    is above one, one step before it is two steps after it.
    """
    expected = reference.run(model, images)
    extractor = Extractor(onnx.load(path))
    return {
        operation.name: _of_layer(extractor, model, operation, expected)
        for operation in model.graph.operations
    }


def _of_layer(
    extractor: Extractor, model: QuantizedModel, operation: Operation, expected: dict[str, Int8]
) -> Steps:
    inputs = {integers_of(name): _channels_first(expected[name]) for name in operation.inputs}
    numbers = model.numbers.get(operation.name)
    if not (isinstance(operation, Conv) and isinstance(numbers, ConvNumbers)) or (
        numbers.table is None
    ):
        (made,) = _part(extractor, inputs, [operation.name])
        return Steps.between([made], [expected[operation.name]])
    before, made = _part(extractor, inputs, [before_of(operation.name), operation.name])
    wanted = kernels.before_table(model, operation, expected[operation.inputs[0]])
    return Steps.between([before, made], [wanted, kernels.look_up(numbers.table, before)])


def _part(extractor: Extractor, inputs: dict[str, Int8], names: Sequence[str]) -> list[Int8]:
    """Tensors (N, H, W, C) that a part of the file makes."""
    outputs = [integers_of(name) for name in names]
    part = extractor.extract_model([*inputs], outputs)
    made = _session(part.SerializeToString()).run(outputs, inputs)
    return [one.transpose(0, 2, 3, 1) for one in made]


def first_difference(steps: Mapping[str, Steps]) -> str | None:
    """The first layer that is more than a step away."""
    return next((name for name, found in steps.items() if found.by_more), None)


def _session(model: Path | bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # its advice about single nodes is none of ours
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _real(images: Int8, quantization: Quantization) -> NDArray[np.float32]:
    steps = images.astype(np.float32) - np.float32(quantization.zero_point)
    return _channels_first(steps * np.float32(quantization.scale))


def _integers(real: NDArray[np.float32], quantization: Quantization) -> Int8:
    """(N, H, W, C) of (N, C, H, W) or (N, C)."""
    steps = np.rint(real.astype(np.float64) / quantization.scale) + quantization.zero_point
    if steps.ndim == 2:
        steps = steps[:, :, None, None]
    return np.asarray(steps.transpose(0, 2, 3, 1).astype(np.int8))


def _channels_first(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))
