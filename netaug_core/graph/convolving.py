"""Convolutions as matrix products, of whatever numbers they are given.

N images, H and W rows and columns, C channels, K kernel, O output channels, I input channels.
"""

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from netaug_core.graph.operations import Conv

Number = TypeVar("Number", bound=np.generic)
Floats: TypeAlias = NDArray[np.floating]


def convolve(images: Floats, weights: Floats, conv: Conv) -> Floats:
    """(N, H', W', O) of images (N, H, W, C) and weights (O, K, K, I)."""
    seen = windows(images, conv.kernel, conv.stride, missing=0)
    if conv.depthwise:
        return _depthwise(seen, weights)
    rows = seen.reshape(-1, weights[0].size)  # (N x H' x W', K x K x I)
    products: Floats = rows @ weights.reshape(len(weights), -1).T
    return products.reshape(*seen.shape[:3], len(weights))


def windows(
    images: NDArray[Number], kernel: int, stride: int, *, missing: float
) -> NDArray[Number]:
    """(N, H', W', K, K, C) what each output pixel sees; pixels outside the image are `missing`."""
    pad = kernel // 2
    around = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    padded = np.pad(images, around, constant_values=missing) if pad else images
    seen = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return seen.transpose(0, 1, 2, 4, 5, 3)


def _depthwise(seen: Floats, weights: Floats) -> Floats:
    total = np.zeros((*seen.shape[:3], len(weights)), weights.dtype)
    for row in range(weights.shape[1]):
        for column in range(weights.shape[2]):
            total += seen[:, :, :, row, column] * weights[:, row, column, 0]
    return total
