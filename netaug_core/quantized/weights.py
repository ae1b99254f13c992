"""Weights as 8-bit integers, symmetric and for each output channel by itself.

O output channels, K kernel, I input channels (1 if depthwise).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.folded import FoldedConv

LARGEST = 127
FAINTEST = 2.0**-30  # of a layer's largest scale: a channel below it is nothing beside the others
LARGEST_BIAS = 2**30  # half of what an accumulator holds: the rest is for the products


@dataclass(frozen=True)
class QuantizedWeights:
    """real weight = scale * integer; real bias = scale * scale of the inputs * integer.

    Attributes:
        integers: (O, K, K, I) int8, of -127..127.
        bias: (O,) int32.
        scales: (O,) float64 that are float32, as ONNX keeps them.
    """

    integers: NDArray[np.int8]
    bias: NDArray[np.int32]
    scales: NDArray[np.float64]


def quantised_weights(folded: FoldedConv, input_scale: float) -> QuantizedWeights:
    """The integers of a convolution."""
    scales = channel_scales(folded, input_scale)
    weights = np.rint(folded.weights.astype(np.float64) / scales[:, None, None, None])
    bias = np.rint(folded.bias.astype(np.float64) / (scales * input_scale))
    return QuantizedWeights(
        weights.clip(-LARGEST, LARGEST).astype(np.int8), bias.astype(np.int32), scales
    )


def channel_scales(folded: FoldedConv, input_scale: float) -> NDArray[np.float64]:
    """(O,) so large that the largest weight of a channel is 127, and its bias fits.

    Where the bias decides, the weights change the sum by less than a step of the output, which the
    bias is a part of: nothing is lost by their being coarse.

    Raises:
        ValueError: a bias is too large for any scale.
    """
    largest = np.abs(folded.weights.astype(np.float64)).max((1, 2, 3))
    by_bias = np.abs(folded.bias.astype(np.float64)) / (input_scale * LARGEST_BIAS)
    scales = np.maximum(largest / LARGEST, by_bias)
    whole = scales.max()
    if whole < np.finfo(np.float32).tiny:  # zeros, or as good as that
        return np.ones_like(scales)
    with np.errstate(over="ignore"):
        scales = np.asarray(np.maximum(scales, whole * FAINTEST), np.float32)
    if not np.isfinite(scales).all():
        worst = int(by_bias.argmax())
        raise ValueError(
            f"the bias of channel {worst}, {folded.bias[worst]:g}, is too large for the inputs' "
            f"scale, {input_scale:g}: train with a lower learning_rate"
        )
    return np.asarray(scales, np.float64)
