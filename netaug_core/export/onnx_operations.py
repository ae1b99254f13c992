"""Each operation of a quantised model as ONNX nodes on real numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netaug_core.export.onnx_nodes import Nodes
from netaug_core.graph.operations import (
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
from netaug_core.quantized.fixed_point import FRACTION_BITS
from netaug_core.quantized.model import ConvNumbers, Quantization, QuantizedModel


def add(nodes: Nodes, model: QuantizedModel, operation: Operation) -> str:
    """The name of the real tensor that the operation makes, not rounded yet."""
    return _KERNELS[type(operation)](nodes, model, operation)


def before_of(name: str) -> str:
    """What goes into the table of a convolution."""
    return f"{name}.before"


def weight_scales(inputs: Quantization, output: Quantization, numbers: ConvNumbers) -> NDArray[Any]:
    """(O,) float32 scales of a convolution's weights: those that its factors were made of."""
    clamped = output.scale if numbers.table_scale is None else numbers.table_scale
    factors = np.ldexp(numbers.mantissas.astype(np.float64), numbers.shifts - FRACTION_BITS)
    return np.asarray(factors * clamped / inputs.scale, np.float32)


def _convolve(nodes: Nodes, model: QuantizedModel, conv: Conv) -> str:
    numbers, inputs = model.numbers[conv.name], model.tensors[conv.inputs[0]]
    assert isinstance(numbers, ConvNumbers)  # noqa: S101  # for mypy: so it is
    scales = weight_scales(inputs, model.tensors[conv.name], numbers)
    weights = numbers.weights.transpose(0, 3, 1, 2)  # (O, I, K, K)
    parts = [
        nodes.by_channel(f"{conv.name}.weight", weights, scales),
        nodes.by_channel(f"{conv.name}.bias", numbers.bias, scales * np.float32(inputs.scale)),
    ]
    real = nodes.add(
        "Conv",
        [conv.inputs[0], *parts],
        f"{conv.name}.sum",
        kernel_shape=[conv.kernel] * 2,
        pads=[conv.kernel // 2] * 4,
        strides=[conv.stride] * 2,
        group=len(weights) if conv.depthwise else 1,
    )
    if numbers.table_scale is not None:
        before = Quantization(numbers.table_scale, numbers.zero_point)
        real = nodes.quantise(real, before_of(conv.name), before)
    return _activate(nodes, conv.activation, real, conv.name)


def _activate(nodes: Nodes, function: Function, real: str, name: str) -> str:
    output = f"{name}.{function}"
    if function == "relu":
        return nodes.add("Relu", [real], output)
    if function == "relu6":
        ends = [nodes.constant(f"{output}.{end}", np.array(end, np.float32)) for end in (0, 6)]
        return nodes.add("Clip", [real, *ends], output)
    if function == "h_swish":
        return nodes.add("HardSwish", [real], output)
    if function == "h_sigmoid":
        return nodes.add("HardSigmoid", [real], output, alpha=1 / 6, beta=0.5)
    return real


def _pool(nodes: Nodes, model: QuantizedModel, pool: MaxPool) -> str:
    del model
    return nodes.add(
        "MaxPool",
        [*pool.inputs],
        f"{pool.name}.real",
        kernel_shape=[pool.kernel] * 2,
        pads=[pool.kernel // 2] * 4,
        strides=[pool.stride] * 2,
    )


def _average(nodes: Nodes, model: QuantizedModel, average: Average) -> str:
    del model
    return nodes.add("GlobalAveragePool", [*average.inputs], f"{average.name}.real")


def _add(nodes: Nodes, model: QuantizedModel, add: Add) -> str:
    del model
    real = nodes.add("Add", [*add.inputs], f"{add.name}.real")
    return _activate(nodes, add.activation, real, add.name)


def _scale(nodes: Nodes, model: QuantizedModel, scale: Scale) -> str:
    del model
    return nodes.add("Mul", [*scale.inputs], f"{scale.name}.real")


def _concatenate(nodes: Nodes, model: QuantizedModel, concat: Concat) -> str:
    del model
    return nodes.add("Concat", [*concat.inputs], f"{concat.name}.real", axis=1)


def _enlarge(nodes: Nodes, model: QuantizedModel, upsample: Upsample) -> str:
    del model
    scales = nodes.constant(f"{upsample.name}.scales", np.array([1, 1, 2, 2], np.float32))
    return nodes.add(
        "Resize",
        [*upsample.inputs, "", scales],
        f"{upsample.name}.real",
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


_KERNELS: Mapping[type, Callable[[Nodes, QuantizedModel, Any], str]] = {
    Conv: _convolve,
    MaxPool: _pool,
    Average: _average,
    Add: _add,
    Scale: _scale,
    Concat: _concatenate,
    Upsample: _enlarge,
}
