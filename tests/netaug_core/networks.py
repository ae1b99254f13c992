"""A small network of every family, and one of a user's own that holds every block."""

from typing import Any

import pytest

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.registry import FAMILIES
from netaug_core.sections.network import NetworkSpec

CLASSES = 5
SIZE = 32
OWN: dict[str, Any] = {
    "stem": {"out_channels": 6, "stride": 1},
    "pool": {"kernel": 3},
    "blocks": [
        {"type": "separable", "out_channels": 6, "squeeze_channels": 3, "activation": "h_swish"},
        {"type": "inverted", "out_channels": 8, "mid_channels": 15, "stride": 2, "kernel": 5},
        {"type": "inverted", "out_channels": 8, "mid_channels": 17, "squeeze_channels": 4},
        {"type": "basic", "out_channels": 8, "mid_channels": 9},
        {"type": "bottleneck", "out_channels": 12, "mid_channels": 5, "stride": 2},
        {"type": "bottleneck", "out_channels": 12, "mid_channels": 7},
    ],
    "final": {"out_channels": 14, "norm": False},
    "head": {"out_channels": 10, "activation": "h_swish"},
}


def own(in_channels: int = 3) -> Architecture:
    options = ModelOptions(num_classes=CLASSES, in_channels=in_channels)
    return NetworkSpec.model_validate(OWN).architecture("custom", options)


def small(name: str, in_channels: int = 3) -> Architecture:
    options = ModelOptions(num_classes=CLASSES, in_channels=in_channels, width=0.1, stem_stride=2)
    return FAMILIES[name].build(options)


NETWORKS = {**{name: small(name) for name in sorted(FAMILIES)}, "custom": own()}
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))


def norm_params(architecture: Architecture) -> int:
    """Scales and shifts of batch normalisation."""
    convolutions = list(architecture.layers().values())
    for block in architecture.blocks:
        convolutions.extend(block.convolutions())
    return sum(2 * conv.out_channels for conv in convolutions if conv.norm)
