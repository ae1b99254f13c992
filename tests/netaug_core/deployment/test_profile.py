"""Profiles against arithmetic by hand."""

import pytest

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.deployment.profile import CODE_BYTES, STACK_BYTES, Layer, profile
from netaug_core.detectors.table import Detector
from netaug_core.vocabulary import ConvLayer, PoolLayer, SeparableBlock
from tests.netaug_core.detector_tables import SIZE, each_detector

TABLE = Architecture(
    name="hand",
    stem=ConvLayer(in_channels=1, out_channels=4, kernel=3, stride=2),
    pool=PoolLayer(),
    blocks=(SeparableBlock(in_channels=4, out_channels=4, squeeze_channels=2, shortcut=True),),
    final=None,
    num_classes=2,
)


def layers() -> dict[str, Layer]:
    return {layer.name: layer for layer in profile(TABLE, 16).layers}


def test_a_layer_has_its_shape_and_what_it_takes() -> None:
    assert layers()["stem"] == Layer(
        name="stem",
        kind="conv 3 x 3",
        height=8,
        width=8,
        channels=4,
        params=4 * (9 + 2),
        macs=4 * 9 * 64,
        flash_bytes=4 * (9 + 12),
        alive_bytes=256 + 4 * 64,
    )


def test_layers_have_the_names_that_people_use() -> None:
    assert [layer.kind for layer in profile(TABLE, 16).layers] == [
        *("conv 3 x 3", "max pool", "depthwise 3 x 3", "average pool", "linear", "linear"),
        *("scale", "conv 1 x 1", "add", "average pool", "linear"),
    ]


def test_flash_holds_weights_scales_tables_and_code() -> None:
    convs = 4 * (9 + 12) + 4 * (9 + 12) + 2 * (4 + 12) + 4 * (2 + 12) + 4 * (4 + 12) + 2 * (4 + 12)
    h_sigmoid = 256

    assert profile(TABLE, 16).needs.flash_bytes == convs + h_sigmoid + CODE_BYTES


def test_memory_holds_the_arena_and_the_stack() -> None:
    found = profile(TABLE, 16)

    assert found.arena_bytes == found.lower_bound_bytes == 256 + 4 * 64
    assert found.peak_layer == "stem"
    assert found.needs.sram_bytes == 512 + STACK_BYTES


@each_detector
def test_a_profile_agrees_with_the_cost(detector: Detector) -> None:
    found, costs = profile(detector, SIZE), cost.measure(detector, SIZE)

    assert (found.params, found.needs.macs) == (costs.params, costs.macs)
    assert found.peak_layer == costs.peak_layer
    assert found.lower_bound_bytes == costs.peak_activation_bytes
    assert found.needs.macs == sum(layer.macs for layer in found.layers)
    assert max(layer.alive_bytes for layer in found.layers) == found.lower_bound_bytes


def test_a_detector_of_a_wrong_size_has_no_profile() -> None:
    from tests.netaug_core.detector_tables import DETECTORS

    with pytest.raises(ValueError, match="multiple of 32"):
        profile(DETECTORS["yolov3-custom"], 40)
