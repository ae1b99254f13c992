"""How large a model's accumulators can become: a device has 32 bits for each.

Whatever the image is, and in whatever order a kernel adds.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.operations import Conv
from netaug_core.quantized.fixed_point import FRACTION_BITS, INT32
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Multiplier,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)


class AccumulatorOverflow(ValueError):
    """A layer adds up, or shifts to the left, beyond 32 bits."""


def check(model: QuantizedModel, *, most: int = INT32.max) -> None:
    """Raise AccumulatorOverflow with the layer's name, or return."""
    for name, bound in _bounds(model):
        if bound > most:
            raise AccumulatorOverflow(
                f"{name} can add up to {bound:,}, and a device's accumulator holds "
                f"{most:,}: give the layer fewer inputs, or its output a larger range"
            )


def of_products(numbers: ConvNumbers, inputs: Quantization) -> NDArray[np.int64]:
    """(O,) the largest sum of a convolution's products, without its bias."""
    weights = np.abs(numbers.weights.astype(np.int64)).sum((1, 2, 3))
    return np.asarray(weights * reach(inputs))


def reach(tensor: Quantization) -> int:
    """The largest distance of an integer from the zero point."""
    return max(tensor.zero_point + 128, 127 - tensor.zero_point)


def _bounds(model: QuantizedModel) -> Iterator[tuple[str, int]]:
    for operation in model.graph.operations:
        numbers = model.numbers.get(operation.name)
        reaches = [reach(model.tensors[name]) for name in operation.inputs]
        if isinstance(operation, Conv):
            assert isinstance(numbers, ConvNumbers)  # noqa: S101  # for mypy
            sums = of_products(numbers, model.tensors[operation.inputs[0]])
            sums += np.abs(numbers.bias.astype(np.int64))
            yield operation.name, int((sums << np.maximum(numbers.shifts, 0)).max())
        elif isinstance(numbers, AverageNumbers):
            shape = model.graph.in_shape(operation)
            sum_ = shape.height * shape.width * reaches[0]
            yield operation.name, _shifted(sum_, numbers.factor)
        elif isinstance(numbers, ScaleNumbers):
            yield operation.name, _shifted(reaches[0] * reaches[1], numbers.factor)
        elif isinstance(numbers, AddNumbers):
            yield operation.name, _of_sum(numbers, reaches)


def _of_sum(numbers: AddNumbers, reaches: list[int]) -> int:
    """The largest of a sum's two parts on their way, and of the sum."""
    total, parts = 0, []
    for one, factor in zip(reaches, (numbers.first, numbers.second), strict=True):
        shifted = one << AddNumbers.LEFT_SHIFT
        parts.append(_shifted(shifted, factor))
        total += (shifted * factor.mantissa >> (FRACTION_BITS - factor.shift)) + 1
    return max(*parts, _shifted(total, numbers.output))


def _shifted(value: int, factor: Multiplier) -> int:
    return value << max(factor.shift, 0)
