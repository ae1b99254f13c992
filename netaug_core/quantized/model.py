"""A network in 8-bit integers, as numbers: what the integer reference, ONNX and C all execute.

real = scale * (q - zero_point), with q of -128..127. Source: Jacob et al., Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018, section 2; the
rounding is that of TFLite's reference kernels. `docs/quantization.md` writes each operation out.
O output channels, K kernel, I input channels (1 if depthwise).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.operations import Graph


@dataclass(frozen=True)
class Quantization:
    """What the integers of a tensor stand for."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Multiplier:
    """A positive real factor as mantissa * 2**(shift - 31).

    Attributes:
        mantissa: 2**30 <= mantissa < 2**31, or 0 for a factor too small to count.
        shift: to the left if it is positive.
    """

    mantissa: int
    shift: int


@dataclass(frozen=True, kw_only=True)
class ConvNumbers:
    """q = clamp(requantise(bias + sum(weights * (input - its zero))) + zero, low, high).

    Then, if there is a table, q = table[q + 128].

    Attributes:
        weights: (O, K, K, I) int8, of -127..127: their zero point is 0.
        bias: (O,) int32.
        mantissas, shifts: (O,) int32, a Multiplier for each output channel.
        zero_point: of what is clamped; of the output, if there is no table.
        low, high: relu and relu6 are nothing but these bounds.
        table: (256,) int8 for h_swish and h_sigmoid; None for the others.
        table_scale: of what goes into the table. No integer kernel needs it; ONNX says it.
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    mantissas: NDArray[np.int32]
    shifts: NDArray[np.int32]
    zero_point: int
    low: int = -128
    high: int = 127
    table: NDArray[np.int8] | None = None
    table_scale: float | None = None


@dataclass(frozen=True)
class AverageNumbers:
    """q = clamp(requantise(sum(input - its zero point)) + output's zero point, -128, 127).

    Attributes:
        factor: scale of the input / (scale of the output * pixels of the map).
    """

    factor: Multiplier


@dataclass(frozen=True, kw_only=True)
class AddNumbers:
    """Both inputs on one scale, their sum on the output's, as in TFLite's reference kernel.

    With a = requantise((first - its zero point) << LEFT_SHIFT, first), b likewise of the second:
    q = clamp(requantise(a + b, output) + the output's zero point, low, high).
    """

    LEFT_SHIFT = 20  # bits of the sum below the input's steps; not a field

    first: Multiplier
    second: Multiplier
    output: Multiplier
    low: int = -128
    high: int = 127


@dataclass(frozen=True)
class ScaleNumbers:
    """q = clamp(requantise((map - its zero) * (share - its zero)) + output's zero, -128, 127)."""

    factor: Multiplier


Numbers: TypeAlias = ConvNumbers | AverageNumbers | AddNumbers | ScaleNumbers


@dataclass(frozen=True)
class QuantizedModel:
    """A network in integers.

    Attributes:
        tensors: how each tensor of the graph is quantised, the image and the outputs included.
            MaxPool, Upsample and Concat have one quantisation for their inputs and their output:
            they only move bytes.
        numbers: of each Conv, Average, Add and Scale, by its name.
    """

    graph: Graph
    tensors: Mapping[str, Quantization]
    numbers: Mapping[str, Numbers]
