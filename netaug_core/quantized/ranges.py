"""Between which values a tensor lies, and the 8-bit integers for them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netaug_core.errors import NotQuantizable
from netaug_core.quantized.model import Quantization

LOWEST, HIGHEST = -128, 127
STEPS = HIGHEST - LOWEST


@dataclass(frozen=True)
class Range:
    """Zero always lies in it: padding, and what an activation cuts off, must be exact."""

    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float) -> "Range":
        """The least range with these ends."""
        return cls(min(low, 0.0), max(high, 0.0))

    def joined(self, other: "Range") -> "Range":
        return Range(min(self.low, other.low), max(self.high, other.high))

    def within(self, low: float, high: float) -> "Range":
        """What of it lies between two values, of which the one is negative, the other positive."""
        return Range(max(self.low, low), min(self.high, high))

    def quantization(self, name: str) -> Quantization:
        """The scale is a float32, as ONNX keeps it.

        Args:
            name: of the tensor.

        Raises:
            NotQuantizable: no scale stands for the range.
        """
        if self.low == self.high == 0:
            # Nothing but zeros was seen, as after a dead ReLU: any scale has zero exactly.
            return Range(0.0, 1.0).quantization(name)
        with np.errstate(over="ignore"):
            scale = float(np.float32((self.high - self.low) / STEPS))
        if not (math.isfinite(scale) and scale >= np.finfo(np.float32).tiny):
            raise NotQuantizable(
                f"{name}: 8 bits have no scale for values from {self.low:g} to {self.high:g}: "
                "train with a lower learning_rate, or take another quantization.ranges"
            )
        zero_point = LOWEST + round(-self.low / scale)
        return Quantization(scale, min(zero_point, HIGHEST))


@dataclass(frozen=True)
class Ranges:
    """Of a network's tensors.

    Attributes:
        tensors: of the image and of what every operation makes.
        before: of what goes into an activation by table, by the operation's name.
    """

    tensors: Mapping[str, Range]
    before: Mapping[str, Range]
