"""SSDLite, against torchvision's own modules."""

import itertools

from torch import nn
from torchvision.models.detection.ssdlite import SSDLiteHead, _extra_block

from netaug_core import cost
from netaug_core.detectors.ssdlite import ssdlite
from netaug_core.graph import building
from tests.netaug_core.detector_tables import classifier

DETECTOR = ssdlite(classifier("mobilenet_v2", 0.35, 20))


def num_params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_heads_and_extra_layers_have_the_parameters_of_torchvisions() -> None:
    channels = [32, 112, 512, 256, 256, 128]
    heads = SSDLiteHead(channels, [6] * 6, 21, nn.BatchNorm2d)
    extras = [
        _extra_block(before, after, nn.BatchNorm2d)
        for before, after in itertools.pairwise(channels[1:])
    ]

    params = cost.params(DETECTOR, building.of_table(DETECTOR, 320))

    theirs = num_params(heads) + sum(num_params(extra) for extra in extras)
    ours = sum(count for name, count in params.items() if name.startswith("levels."))
    assert ours == theirs


def test_it_has_six_scales_down_to_one_cell() -> None:
    assert DETECTOR.grids(320) == [20, 10, 5, 3, 2, 1]
    assert DETECTOR.values_per_anchor == 4 + 21
    assert DETECTOR.num_anchors(320) == 6 * (400 + 100 + 25 + 9 + 4 + 1)


def test_its_width_scales_the_extra_layers() -> None:
    half = ssdlite(classifier("mobilenet_v2", 0.35, 20), width=0.5)

    assert [level.entry[-1].out_channels for level in half.levels[2:]] == [256, 128, 128, 64]
