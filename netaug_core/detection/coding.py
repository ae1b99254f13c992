"""How a detector's raw output is learnt and read, whichever kind it is."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from netaug_core.detection.assignment import Assignment, LossTerms
from netaug_core.detection.boxes import Objects
from netaug_core.detection.priors import Priors
from netaug_core.detection.ssd import SsdCoding
from netaug_core.detection.yolov3 import BoxLoss, Yolov3Coding
from netaug_core.detectors.table import Detector, Shape


class Coding(Protocol):
    """Between objects and a raw output (B, N, V)."""

    @property
    def detector(self) -> Detector: ...

    def priors(self, input_size: int, device: torch.device) -> Priors:
        """The anchors of an input."""

    def assign(self, objects: Objects, num_pictures: int, known: Priors) -> Assignment:
        """Which anchors are to find which objects: once for all passes of a step."""

    def loss(self, raw: Tensor, targets: Assignment, known: Priors) -> LossTerms:
        """Of a pass."""

    def decode(self, raw: Tensor, known: Priors) -> tuple[Tensor, Tensor]:
        """Boxes (B, N, 4) in pixels of the input, and scores (B, N, K) of the classes."""


def coding(
    detector: Detector, shapes: Sequence[Shape] = (), *, box_loss: BoxLoss = "squared"
) -> Coding:
    """The coding of a detector.

    Args:
        detector: its table.
        shapes: yolov3's anchors, in pixels; ssdlite has its own.
        box_loss: yolov3's.

    Raises:
        ValueError: there are more or fewer anchors than yolov3 has, or one is no size.
    """
    if detector.kind == "yolov3":
        return Yolov3Coding.of(detector, shapes, box_loss)
    return SsdCoding(detector)
