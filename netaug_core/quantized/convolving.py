"""Sums of products of integers, exactly, by fast products of floats."""

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.convolving import convolve
from netaug_core.graph.operations import Conv

# Every integer up to here is a float32. Below it sums of integers are exact in any order, so a
# fast matrix product of floats gives the same as one of integers; float64 holds all of 2**53.
EXACT_IN_FLOAT32 = 2**24


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
    kind = np.float32 if largest < EXACT_IN_FLOAT32 else np.float64
    return convolve(images.astype(kind), weights.astype(kind), conv).astype(np.int64)
