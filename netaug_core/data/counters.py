"""Random numbers by position, not by history: a resume anywhere in an epoch draws the same ones.

splitmix64 (Steele, Lea, Flood 2014) over the words that name a draw.
"""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
MANTISSA_BITS = 53  # of a float64


def uniforms(seed: int, stream: int, indices: Indices, num_draws: int) -> NDArray[np.float64]:
    """Numbers in [0, 1), shape (len(indices), num_draws): a function of the arguments alone."""
    rows = _hash(np.asarray(indices, np.uint64), _key(seed, stream))[:, None]
    words = _hash(np.arange(num_draws, dtype=np.uint64)[None, :], rows)
    return (words >> np.uint64(64 - MANTISSA_BITS)).astype(np.float64) * 2.0**-MANTISSA_BITS


def permutation(seed: int, stream: int, count: int) -> Indices:
    """A random order of 0..count-1, fixed by seed and stream."""
    words = _hash(np.arange(count, dtype=np.uint64), _key(seed, stream))
    return np.argsort(words, kind="stable").astype(np.int64)


def _key(seed: int, stream: int) -> NDArray[np.uint64]:
    zero = np.zeros(1, np.uint64)
    return _hash(np.array([stream], np.uint64), _hash(np.array([seed], np.uint64), zero))


def _hash(words: NDArray[np.uint64], key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (words + np.uint64(1)) * GOLDEN_GAMMA + key  # wraps, as it should
    mixed = (mixed ^ (mixed >> np.uint64(30))) * MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * MIX_2
    return mixed ^ (mixed >> np.uint64(31))
