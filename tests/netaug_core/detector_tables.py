"""A small detector on every family, and on a user's own network."""

from typing import Any

import pytest

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.detectors import registry
from netaug_core.detectors.table import Detector
from netaug_core.families.registry import FAMILIES
from netaug_core.sections.network import NetworkSpec

CLASSES = 4
SIZE = 64
OWN: dict[str, Any] = {
    "stem": {"out_channels": 6, "stride": 2},
    "pool": {"kernel": 3},
    "blocks": [
        {"type": "inverted", "out_channels": 8, "mid_channels": 15, "stride": 2, "kernel": 5},
        {"type": "inverted", "out_channels": 8, "mid_channels": 17, "squeeze_channels": 4},
        {"type": "basic", "out_channels": 10, "mid_channels": 9, "stride": 2},
        {"type": "bottleneck", "out_channels": 12, "mid_channels": 5, "stride": 2},
        {"type": "separable", "out_channels": 14},
    ],
    "final": {"out_channels": 14, "norm": False},
}


def classifier(name: str, width: float = 0.1, classes: int = CLASSES) -> Architecture:
    options = ModelOptions(num_classes=classes, width=width)
    if name == "custom":
        return NetworkSpec.model_validate(OWN).architecture("custom", options)
    return FAMILIES[name].build(options)


NAMES = (*sorted(FAMILIES), "custom")
DETECTORS: dict[str, Detector] = {
    f"{kind}-{name}": registry.build(kind, classifier(name), width=0.1)  # type: ignore[arg-type]  # a literal each
    for kind in ("yolov3", "ssdlite")
    for name in NAMES
}
each_detector = pytest.mark.parametrize("detector", DETECTORS.values(), ids=list(DETECTORS))
