"""What values a network's tensors have on pictures of the training part.

N pictures, H and W rows and columns, C channels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.errors import BadData, NotQuantizable
from netaug_core.graph import execution
from netaug_core.graph.folded import FoldedModel
from netaug_core.graph.operations import IMAGE, Graph
from netaug_core.quantized import tables
from netaug_core.quantized.choosing import Histogram, RangeChoice, choose
from netaug_core.quantized.preprocessing import Preprocessing
from netaug_core.quantized.ranges import Range, Ranges

LEAST_PICTURES = 16
CHUNK = 16  # pictures at a time: the tensors between stay small

Float32 = NDArray[np.float32]
Key = tuple[str, bool]  # a tensor, or what is before its activation


class CalibrationUnusable(BadData):
    """The pictures cannot tell what values a network's tensors have."""


@dataclass(frozen=True)
class CalibrationSet:
    """Pictures as the network gets them.

    Attributes:
        images: (N, H, W, C) float32, normalised.
        labels: the classes of what is on them, in any order.
        num_classes: that the network tells apart.
        preprocessing: that made them of bytes.
    """

    images: Float32
    labels: NDArray[np.int64]
    num_classes: int
    preprocessing: Preprocessing

    def __post_init__(self) -> None:
        if len(self.images) < LEAST_PICTURES:
            raise CalibrationUnusable(
                f"int8 needs at least {LEAST_PICTURES} training pictures to calibrate on; there "
                f"are {len(self.images)}: raise quantization.calibration_images, or add pictures"
            )
        if self.num_classes > 1 and len(np.unique(self.labels)) < 2:
            raise CalibrationUnusable(
                f"the {len(self.images)} pictures to calibrate int8 on are all of one class, of "
                f"{self.num_classes}: raise quantization.calibration_images, or add pictures of "
                "the other classes to the training part"
            )
        if not np.isfinite(self.images).all():
            raise CalibrationUnusable(
                "a picture to calibrate int8 on has values that are not finite"
            )


def measure(model: FoldedModel, calibration: CalibrationSet, choice: RangeChoice) -> Ranges:
    """The ranges to quantise with. The network's answers are never cut off.

    Raises:
        NotQuantizable: a tensor has values that are not finite.
    """
    wholes: dict[Key, Range] = {}

    def widen(key: Key, values: Float32) -> None:
        found = Range.of(float(values.min()), float(values.max()))
        if not (np.isfinite(values.min()) and np.isfinite(values.max())):
            raise NotQuantizable(
                f"{key[0]} has values on training pictures that are not finite: train with a lower "
                "learning_rate"
            )
        wholes[key] = found if key not in wholes else wholes[key].joined(found)

    _observe(model, calibration, widen)
    chosen = wholes if choice == "min_max" else _chosen(model, calibration, choice, wholes)
    return Ranges(
        tensors={IMAGE: calibration.preprocessing.range()}
        | {name: found for (name, is_before), found in chosen.items() if not is_before},
        before={name: found for (name, is_before), found in chosen.items() if is_before},
    )


def _chosen(
    model: FoldedModel, calibration: CalibrationSet, choice: RangeChoice, wholes: dict[Key, Range]
) -> dict[Key, Range]:
    histograms = {key: Histogram.empty(whole) for key, whole in wholes.items()}
    _observe(model, calibration, lambda key, values: histograms[key].add(values))
    return {
        key: choose(histogram, "min_max" if _is_answer(model.graph, key) else choice)
        for key, histogram in histograms.items()
    }


def _is_answer(graph: Graph, key: Key) -> bool:
    name, is_before = key
    return name in graph.outputs and not is_before


def _observe(
    model: FoldedModel, calibration: CalibrationSet, see: Callable[[Key, Float32], None]
) -> None:
    for images in _chunks(calibration.images):
        for made in execution.walk(model, images):
            name = made.operation.name
            see((name, False), made.tensor)
            if tables.has_table(made.operation):
                see((name, True), made.before)


def _chunks(images: Float32) -> Iterator[Float32]:
    for first in range(0, len(images), CHUNK):
        yield images[first : first + CHUNK]
