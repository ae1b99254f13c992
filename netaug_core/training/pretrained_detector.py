"""A detector that starts from trained weights: a classifier's, for its backbone, or a detector's.

Every tensor must fit, and nothing is skipped in silence but what a backbone does not have.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from netaug_core.augment.supernet import Supernet
from netaug_core.detectors.table import Detector
from netaug_core.models.detector import DetectionNetwork, build
from netaug_core.training import pretrained
from netaug_core.weights import WeightsFile

DetectorNet: TypeAlias = DetectionNetwork | Supernet[Detector, DetectionNetwork]
LEVELS = "levels."
BLOCKS = "blocks."
AFTER_BLOCKS = ("final.", "head.", "classifier.", LEVELS)


def load_backbone(net: DetectorNet, file: WeightsFile) -> None:
    """Copy stem and blocks of a classifier, or of another detector, into a detector.

    What that has after the last block which is read here stays out; the scales stay as they were
    initialised. A supernet takes the weights into its tiny net.

    Raises:
        BadSpec: the file does not fit the backbone, or holds a number that is not finite.
    """
    detector = net.architecture
    wanted = {name: t for name, t in _tiny_tensors(detector) if not name.startswith(LEVELS)}
    num_blocks = len(detector.backbone.blocks)

    def is_spare(name: str) -> bool:
        return name.startswith(AFTER_BLOCKS) or _block_number(name) >= num_blocks

    pretrained.check_channels(detector.in_channels, file)
    pretrained.check_tensors(wanted, file, is_spare=is_spare)
    pretrained.copy_into(net, wanted, pretrained.read(file))


def load_detector(net: DetectorNet, file: WeightsFile, *, class_names: Sequence[str]) -> None:
    """Copy a whole detector of the same classes.

    Raises:
        BadSpec: the file does not fit the detector or its classes, or holds a number that is not
            finite.
    """
    pretrained.check_channels(net.architecture.in_channels, file)
    pretrained.check_classes(file, class_names)
    wanted = dict(_tiny_tensors(net.architecture))
    pretrained.check_tensors(wanted, file, is_spare=lambda _: False)
    pretrained.copy_into(net, wanted, pretrained.read(file))


def _tiny_tensors(detector: Detector) -> list[tuple[str, Tensor]]:
    """Names and shapes; they have no content."""
    with torch.device("meta"):
        return list(build(detector).state_dict().items())


def _block_number(name: str) -> int:
    """Of a tensor in a block; -1 elsewhere."""
    number = name.removeprefix(BLOCKS).split(".")[0]
    return int(number) if name.startswith(BLOCKS) and number.isdecimal() else -1
