"""Convolutions of integers, exactly and by matrix products.

N images, H and W rows and columns, C channels, K kernel, O output channels, I input channels.
"""

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from netaug_core.graph.operations import Conv

# Every integer up to here is a float of that kind. Below it sums of integers are exact in any
# order, so a fast matrix product of floats gives the same as one of integers.
EXACT_IN_FLOAT32 = 2**24

Number = TypeVar("Number", bound=np.generic)


def sums(
    images: NDArray[np.int32], weights: NDArray[np.int8], conv: Conv, largest: int
) -> NDArray[np.int64]:
    """(N, H', W', O) sums of products of images (N, H, W, C) and weights (O, K, K, I).

    Args:
        images: with zero for what is nothing.
        weights: of the convolution.
        conv: which one.
        largest: what no sum of absolute products exceeds; below 2**31.
    """
    if conv.depthwise:
        return _depthwise(images, weights, conv)
    kind = np.float32 if largest < EXACT_IN_FLOAT32 else np.float64
    found = windows(images.astype(kind), conv.kernel, conv.stride, missing=0)
    rows = found.reshape(-1, weights[0].size)  # (N x H' x W', K x K x I)
    product: NDArray[np.floating] = rows @ weights.reshape(len(weights), -1).T.astype(kind)
    return np.asarray(product.reshape(*found.shape[:3], len(weights)), np.int64)


def windows(images: NDArray[Number], kernel: int, stride: int, *, missing: int) -> NDArray[Number]:
    """(N, H', W', K, K, C) what each output pixel sees; pixels outside the image are `missing`."""
    pad = kernel // 2
    around = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    padded = np.pad(images, around, constant_values=missing) if pad else images
    found = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return found.transpose(0, 1, 2, 4, 5, 3)


def _depthwise(
    images: NDArray[np.int32], weights: NDArray[np.int8], conv: Conv
) -> NDArray[np.int64]:
    """32 bits hold every sum: `largest` is the model's bound."""
    found = windows(images, conv.kernel, conv.stride, missing=0)
    total = np.zeros((*found.shape[:3], len(weights)), np.int32)
    for row in range(conv.kernel):
        for column in range(conv.kernel):
            total += found[:, :, :, row, column] * weights[:, row, column, 0].astype(np.int32)
    return total.astype(np.int64)
