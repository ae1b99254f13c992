"""Costs against arithmetic by hand."""

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.graph import arena, building
from netaug_core.graph.operations import Conv
from netaug_core.vocabulary import (
    BasicBlock,
    Block,
    ConvLayer,
    InvertedBlock,
    PoolLayer,
    SeparableBlock,
)
from tests.netaug_core.detector_tables import DETECTORS, SIZE, each_detector

STEM = ConvLayer(in_channels=1, out_channels=4, kernel=3, stride=2)


def network(*blocks: Block, pool: PoolLayer | None = None) -> Architecture:
    """For 16 x 16 pixels; its blocks see 8 x 8, after a pool 4 x 4."""
    return Architecture(name="hand", stem=STEM, pool=pool, blocks=blocks, final=None, num_classes=2)


def macs(table: Architecture) -> dict[str, int]:
    graph = building.of_table(table, 16)
    return {one.name: graph.macs(one) for one in graph.operations if isinstance(one, Conv)}


def params(table: Architecture | Detector, input_size: int = 16) -> dict[str, int]:
    return cost.params(table, building.of_table(table, input_size))


def alive(table: Architecture | Detector, input_size: int = 16) -> dict[str, int]:
    return arena.alive_bytes(building.of_table(table, input_size))


def test_a_stem_counts_its_filters_scales_and_shifts() -> None:
    table = network(SeparableBlock(in_channels=4, out_channels=4))

    assert params(table)["stem"] == 4 * (9 + 2)
    assert macs(table)["stem"] == 4 * 9 * 64
    assert alive(table)["stem"] == 256 + 4 * 64


def test_a_classifier_has_a_bias_and_no_norm() -> None:
    table = network(SeparableBlock(in_channels=4, out_channels=4))

    assert list(params(table))[-1] == "classifier"
    assert params(table)["classifier"] == 2 * (4 + 1)


def test_a_shortcut_waits_while_the_block_runs() -> None:
    block = InvertedBlock(in_channels=4, mid_channels=12, out_channels=4, shortcut=True)
    bytes_alive = alive(network(block))

    held = 4 * 64
    assert bytes_alive["blocks.0.expand"] == held + 12 * 64  # it reads the shortcut itself
    assert bytes_alive["blocks.0.depthwise"] == held + 12 * 64 + 12 * 64
    assert bytes_alive["blocks.0.project"] == held + 12 * 64 + 4 * 64
    assert bytes_alive["blocks.0.add"] == held + 4 * 64  # the sum lies over what it adds to


def test_squeeze_and_excitation_keeps_what_it_will_scale() -> None:
    block = SeparableBlock(
        in_channels=4, out_channels=6, stride=2, squeeze_channels=2, shortcut=False
    )
    table = network(block)

    kept = 4 * 16
    assert params(table)["blocks.0.squeeze"] == 4 * 2 + 2
    assert params(table)["blocks.0.excite"] == 2 * 4 + 4
    assert alive(table)["blocks.0.squeeze"] == kept + 4 + 2
    assert alive(table)["blocks.0.excite"] == kept + 2 + 4
    assert alive(table)["blocks.0.project"] == kept + 6 * 16


def test_a_projected_shortcut_reads_the_blocks_input_while_the_sum_waits() -> None:
    block = BasicBlock(in_channels=4, mid_channels=5, out_channels=6, stride=2, projection=True)
    table = network(block)

    assert params(table)["blocks.0.shortcut"] == 6 * (4 + 2)
    assert macs(table)["blocks.0.shortcut"] == 6 * 4 * 16
    assert alive(table)["blocks.0.second"] == 4 * 64 + 5 * 16 + 6 * 16
    assert alive(table)["blocks.0.shortcut"] == 4 * 64 + 6 * 16 + 6 * 16


def test_a_pool_has_no_weights_and_shrinks_what_follows() -> None:
    table = network(SeparableBlock(in_channels=4, out_channels=4), pool=PoolLayer())

    assert "pool" not in params(table)
    assert alive(table)["pool"] == 4 * 64 + 4 * 16
    assert alive(table)["blocks.0.depthwise"] == 4 * 16 + 4 * 16


def test_the_peak_is_the_operation_with_most_bytes() -> None:
    block = InvertedBlock(in_channels=4, mid_channels=12, out_channels=4, shortcut=True)

    measured = cost.measure(network(block), 16)

    assert measured.peak_layer == "blocks.0.depthwise"
    assert measured.peak_activation_bytes == 24 * 64 + 4 * 64
    assert measured.params == sum(params(network(block)).values())


@each_detector
def test_every_convolution_of_a_detector_is_counted_once(detector: Detector) -> None:
    assert sorted(params(detector, SIZE)) == sorted(detector.convolutions())


def test_taps_and_answers_wait_for_those_who_read_them() -> None:
    waiting = alive(DETECTORS["yolov3-custom"], SIZE)
    # 64 pixels: taps of 8 x 8 x 8, 10 x 4 x 4 and 14 x 2 x 2; answers of 3 x (5 + 4) a cell
    tap, other_tap = 8 * 64, 10 * 16
    assert waiting["blocks.2.second"] == tap + 9 * 16 + 10 * 16  # the tap is the block's input
    assert waiting["levels.0.neck.first"] == tap + other_tap + 14 * 4 + 128 * 4
    features = 128 * 4  # the next level reads them, too
    assert (
        waiting["levels.0.heads.objects.predict"] == tap + other_tap + features + 256 * 4 + 27 * 4
    )
    assert waiting["levels.1.concat"] == tap + other_tap + 27 * 4 + 64 * 16 + (64 + 10) * 16
