"""Networks with random statistics, and pictures for them, as integers and as floats."""

import numpy as np
from numpy.typing import NDArray

from netaug_core.architectures import Architecture
from netaug_core.export import folding
from netaug_core.graph.folded import FoldedModel
from netaug_core.quantized import preprocessing, quantising
from netaug_core.quantized.calibration import CalibrationSet
from netaug_core.quantized.choosing import RangeChoice
from netaug_core.quantized.model import QuantizedModel
from netaug_core.quantized.preprocessing import Preprocessing
from tests.netaug_core import trained
from tests.netaug_core.networks import CLASSES, SIZE

PIXELS = Preprocessing(mean=(0.5, 0.45, 0.4), std=(0.25, 0.22, 0.3))


def pictures(count: int, seed: int, size: int = SIZE) -> NDArray[np.uint8]:
    """(N, S, S, 3) smooth ones: waves of any direction and colour, with a little noise."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    pace = generator.uniform(-9, 9, (2, count, 1, 1, 3))
    phase = generator.uniform(0, 6.3, (count, 1, 1, 3))
    waves = np.sin(rows[:, :, None] * pace[0] + columns[:, :, None] * pace[1] + phase)
    noise = generator.normal(0, 0.1, waves.shape)
    return ((waves + noise).clip(-1, 1) * 127.5 + 127.5).astype(np.uint8)


def floats(bytes_: NDArray[np.uint8]) -> NDArray[np.float32]:
    table = PIXELS.values()
    channels = [table[c][bytes_[..., c]] for c in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def integers(model: QuantizedModel, bytes_: NDArray[np.uint8]) -> NDArray[np.int8]:
    tables = preprocessing.tables(PIXELS, model.tensors["image"])
    return preprocessing.integers(tables, bytes_)


def calibration(seed: int = 1, size: int = SIZE) -> CalibrationSet:
    images = floats(pictures(32, seed, size))
    return CalibrationSet(images, np.arange(32) % CLASSES, CLASSES, PIXELS)


def folded(architecture: Architecture) -> FoldedModel:
    return folding.fold(trained.network(architecture), SIZE)


def quantised(architecture: Architecture, choice: RangeChoice = "min_max") -> QuantizedModel:
    return quantising.quantise(folded(architecture), calibration(), choice)


def real(model: QuantizedModel, name: str, values: NDArray[np.int8]) -> NDArray[np.float64]:
    quantization = model.tensors[name]
    return quantization.scale * (values.astype(np.float64) - quantization.zero_point)
