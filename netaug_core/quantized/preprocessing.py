"""A picture's bytes as the network's integers: a table for each channel, nothing to compute."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.quantized.model import Quantization
from netaug_core.quantized.ranges import HIGHEST, LOWEST, Range

WHITE = 255
BYTES = np.arange(256)


@dataclass(frozen=True)
class Preprocessing:
    """Pixels 0..1 minus `mean`, divided by `std`, for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def values(self) -> NDArray[np.float64]:
        """(C, 256) what each byte becomes."""
        mean, std = np.array(self.mean), np.array(self.std)
        return np.asarray((BYTES / WHITE - mean[:, None]) / std[:, None])

    def range(self) -> Range:
        """Of all bytes in all channels: no picture is cut off."""
        values = self.values()
        return Range.of(float(values.min()), float(values.max()))


def tables(preprocessing: Preprocessing, image: Quantization) -> NDArray[np.int8]:
    """(C, 256) the integer of each byte; halves go to even."""
    return quantised(preprocessing.values(), image)


def quantised(images: NDArray[np.floating], image: Quantization) -> NDArray[np.int8]:
    """The integers of images that are normalised already; halves go to even."""
    steps = np.rint(images.astype(np.float64) / image.scale) + image.zero_point
    return np.asarray(steps.clip(LOWEST, HIGHEST).astype(np.int8))


def integers(tables: NDArray[np.int8], pictures: NDArray[np.uint8]) -> NDArray[np.int8]:
    """(N, H, W, C) the network's input for pictures (N, H, W, C)."""
    return np.stack([table[pictures[..., c]] for c, table in enumerate(tables)], axis=-1)
