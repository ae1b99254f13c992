"""Costs against arithmetic by hand."""

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.cost import Operation
from netaug_core.vocabulary import (
    BasicBlock,
    Block,
    ConvLayer,
    InvertedBlock,
    PoolLayer,
    SeparableBlock,
)

STEM = ConvLayer(in_channels=1, out_channels=4, kernel=3, stride=2)


def trace(*blocks: Block, pool: PoolLayer | None = None) -> dict[str, Operation]:
    """Of a network on 16 x 16 pixels; its blocks see 8 x 8, after a pool 4 x 4."""
    network = Architecture(
        name="hand", stem=STEM, pool=pool, blocks=blocks, final=None, num_classes=2
    )
    return {operation.name: operation for operation in cost.trace(network, 16)}


def test_a_stem_counts_its_filters_scales_and_shifts() -> None:
    stem = trace(SeparableBlock(in_channels=4, out_channels=4))["stem"]

    assert stem == Operation("stem", 4 * (9 + 2), 4 * 9 * 64, 256, 4 * 64)


def test_a_shortcut_waits_while_the_block_runs() -> None:
    block = InvertedBlock(in_channels=4, mid_channels=12, out_channels=4, shortcut=True)
    operations = trace(block)

    held = 4 * 64
    assert operations["blocks.0.expand"].held_elements == 0  # it reads the shortcut itself
    assert operations["blocks.0.depthwise"].held_elements == held
    assert operations["blocks.0.depthwise"].live_bytes == 12 * 64 + 12 * 64 + held
    assert operations["blocks.0.project"].held_elements == held


def test_squeeze_and_excitation_keeps_what_it_will_scale() -> None:
    block = SeparableBlock(
        in_channels=4, out_channels=6, stride=2, squeeze_channels=2, shortcut=False
    )
    operations = trace(block)

    squeeze, excite = operations["blocks.0.squeeze"], operations["blocks.0.excite"]
    assert squeeze == Operation("blocks.0.squeeze", 4 * 2 + 2, 8, 4, 2, held_elements=4 * 16)
    assert excite == Operation("blocks.0.excite", 2 * 4 + 4, 8, 2, 4, held_elements=4 * 16)
    assert operations["blocks.0.project"].in_elements == 4 * 16


def test_a_projected_shortcut_reads_the_blocks_input_while_the_sum_waits() -> None:
    block = BasicBlock(in_channels=4, mid_channels=5, out_channels=6, stride=2, projection=True)
    operations = trace(block)

    assert operations["blocks.0.first"].held_elements == 0
    assert operations["blocks.0.second"].held_elements == 4 * 64
    shortcut = operations["blocks.0.shortcut"]
    assert shortcut == Operation(
        "blocks.0.shortcut", 6 * (4 + 2), 6 * 4 * 16, 4 * 64, 6 * 16, held_elements=6 * 16
    )


def test_a_pool_has_no_weights_and_shrinks_what_follows() -> None:
    operations = trace(SeparableBlock(in_channels=4, out_channels=4), pool=PoolLayer())

    assert operations["pool"] == Operation("pool", 0, 0, 4 * 64, 4 * 16)
    assert operations["blocks.0.depthwise"].in_elements == 4 * 16


def test_the_peak_is_the_operation_with_most_bytes() -> None:
    block = InvertedBlock(in_channels=4, mid_channels=12, out_channels=4, shortcut=True)
    network = Architecture(name="hand", stem=STEM, blocks=(block,), final=None, num_classes=2)

    measured = cost.measure(network, 16)

    assert measured.peak_layer == "blocks.0.depthwise"
    assert measured.peak_activation_bytes == 24 * 64 + 4 * 64
