"""Quantised and folded networks with random numbers, whose values neither vanish nor saturate."""

import math

import numpy as np

from netaug_core.graph.folded import FoldedConv, FoldedModel
from netaug_core.graph.operations import (
    IMAGE,
    Add,
    Average,
    Concat,
    Conv,
    Graph,
    MaxPool,
    Scale,
    Upsample,
)
from netaug_core.quantized.fixed_point import multiplier
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Multiplier,
    Numbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)

SPREAD = 40.0  # of the integers that a layer makes
WEIGHT_SPREAD = 73.0  # of integers from -127 to 127, all as likely
MOVED = Quantization(0.05, -5)  # one for all tensors that are only moved


def quantized(graph: Graph, seed: int = 0) -> QuantizedModel:
    generator = np.random.default_rng(seed)
    tensors = _tensors(graph, generator)
    numbers: dict[str, Numbers] = {}
    for operation in graph.operations:
        if isinstance(operation, Conv):
            zero = tensors[operation.name].zero_point
            numbers[operation.name] = conv_numbers(graph, operation, zero, generator)
        elif isinstance(operation, Average):
            shape = graph.in_shape(operation)
            factor = multiplier(2.0 / math.sqrt(shape.height * shape.width))
            numbers[operation.name] = AverageNumbers(factor)
        elif isinstance(operation, Add):
            numbers[operation.name] = _add_numbers(operation, generator)
        elif isinstance(operation, Scale):
            numbers[operation.name] = ScaleNumbers(multiplier(1 / 90))
    return QuantizedModel(graph, tensors, numbers)


def folded(graph: Graph, seed: int = 0) -> FoldedModel:
    generator = np.random.default_rng(seed)
    convolutions = {}
    for conv in graph.operations:
        if isinstance(conv, Conv):
            shape = graph.weight_shape(conv)
            spread = math.sqrt(2 / math.prod(shape[1:]))
            weights = generator.normal(0, spread, shape).astype(np.float32)
            bias = generator.normal(0, 0.1, shape[0]).astype(np.float32)
            convolutions[conv.name] = FoldedConv(weights, bias)
    return FoldedModel(graph, convolutions)


def images(graph: Graph, count: int, seed: int = 0) -> np.ndarray:
    shape = graph.shapes[IMAGE]
    generator = np.random.default_rng(seed)
    size = (count, shape.height, shape.width, shape.channels)
    return generator.integers(-128, 128, size).astype(np.int8)


def conv_numbers(
    graph: Graph, conv: Conv, zero: int, generator: np.random.Generator
) -> ConvNumbers:
    shape = graph.weight_shape(conv)
    real = SPREAD / (SPREAD * WEIGHT_SPREAD * math.sqrt(math.prod(shape[1:])))
    factors = [multiplier(real * generator.uniform(0.5, 2.0)) for _ in range(shape[0])]
    has_table = conv.activation in ("h_swish", "h_sigmoid")
    return ConvNumbers(
        weights=generator.integers(-127, 128, shape).astype(np.int8),
        bias=generator.integers(-(2**14), 2**14, shape[0]).astype(np.int32),
        mantissas=np.array([one.mantissa for one in factors], np.int32),
        shifts=np.array([one.shift for one in factors], np.int32),
        zero_point=zero,
        low=zero if conv.activation in ("relu", "relu6") else -128,
        high=100 if conv.activation == "relu6" else 127,
        table=np.sort(generator.integers(-128, 128, 256)).astype(np.int8) if has_table else None,
    )


def _add_numbers(add: Add, generator: np.random.Generator) -> AddNumbers:
    ratio = generator.uniform(0.2, 1.0)
    # As in TFLite: twice the larger scale is one.
    return AddNumbers(
        first=multiplier(0.5 * ratio),
        second=multiplier(0.5),
        output=multiplier(1.5 / 2**AddNumbers.LEFT_SHIFT),
        low=-20 if add.activation == "relu" else -128,
    )


def _tensors(graph: Graph, generator: np.random.Generator) -> dict[str, Quantization]:
    moves = [one for one in graph.operations if isinstance(one, MaxPool | Upsample | Concat)]
    moved = {name for one in moves for name in (one.name, *one.inputs)}
    return {
        name: MOVED if name in moved else Quantization(0.05, int(generator.integers(-100, 60)))
        for name in graph.shapes
    }


def a_multiplier(generator: np.random.Generator, most: float = 2.0) -> Multiplier:
    return multiplier(float(np.exp(generator.uniform(-12, math.log(most)))))
