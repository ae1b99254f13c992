"""The augmented nets of a network, as tables."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from netaug_core import widths
from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.registry import FAMILIES
from netaug_core.vocabulary import DepthwiseBlock, SeparableBlock
from tests.netaug_core.networks import NETWORKS, each_network

MULTIPLIERS = widths.Multipliers((1.0, 1.8, 2.6), (1.0, 1.6, 2.2, 2.8))
TINY = FAMILIES["mobilenet_v2_tiny"].build(ModelOptions(num_classes=10))


def draw(base: Architecture, seed: int) -> Architecture:
    choose = random.Random(seed).choice  # noqa: S311  # a test's draws guard nothing
    return widths.augmented(
        base,
        widths.widest(base, MULTIPLIERS),
        MULTIPLIERS,
        choose_width=choose,
        choose_expand=choose,
    )


def numbers(network: Architecture) -> list[int]:
    """Output channels of every convolution, in running order."""
    convolutions = [*network.layers().values()]
    convolutions += itertools.chain(*(block.convolutions() for block in network.blocks))
    return [conv.out_channels for conv in convolutions]


@each_network
def test_the_smallest_choice_is_the_tiny_net_itself(network: Architecture) -> None:
    whole = widths.widest(network, MULTIPLIERS)

    smallest = widths.augmented(
        network,
        whole,
        MULTIPLIERS,
        choose_width=widths.smallest,
        choose_expand=widths.smallest,
    )

    assert smallest == network


def test_the_widest_first_blocks_have_the_channels_computed_by_hand() -> None:
    widest = widths.widest(TINY, MULTIPLIERS)

    assert widest.stem.out_channels == 42  # 16 x 2.6 = 41.6
    assert widest.blocks[0].out_channels == 21  # 8 x 2.6 = 20.8
    assert widest.blocks[1].mid_channels == 353  # 21 x 6 x 2.8 = 352.8
    assert widest.final is not None
    assert widest.final.out_channels == 1165  # 448 x 2.6 = 1164.8


@given(name=st.sampled_from(sorted(NETWORKS)), seed=st.integers(0, 2**31))
def test_a_draw_lies_between_the_tiny_net_and_the_widest(name: str, seed: int) -> None:
    network = NETWORKS[name]

    drawn = draw(network, seed)

    bounds = (numbers(network), numbers(drawn), numbers(widths.widest(network, MULTIPLIERS)))
    assert all(low <= here <= high for low, here, high in zip(*bounds, strict=True))


@given(name=st.sampled_from(sorted(NETWORKS)), seed=st.integers(0, 2**31))
def test_a_draw_takes_listed_multipliers_and_shortcuts_keep_their_width(
    name: str, seed: int
) -> None:
    drawn = draw(NETWORKS[name], seed)

    channels = drawn.stem.out_channels
    for block, wide in zip(NETWORKS[name].blocks, drawn.blocks, strict=True):
        listed = {int(block.out_channels * f + 0.5) for f in MULTIPLIERS.width}
        assert wide.out_channels in ({channels} if block.keeps_width else listed)
        ratio = block.mid_channels / block.in_channels + 1e-10
        expands = (1.0,) if isinstance(block, SeparableBlock) else MULTIPLIERS.expand
        assert wide.mid_channels in {int(channels * ratio * f + 0.5) for f in expands}
        channels = wide.out_channels


def test_the_middle_of_squeeze_and_excitation_follows_as_in_the_widest_net() -> None:
    multipliers = widths.Multipliers((1.0, 2.0, 3.0), MULTIPLIERS.expand)
    network = FAMILIES["mobilenet_v3"].build(ModelOptions(num_classes=10, width=0.35))
    whole = widths.widest(network, multipliers)
    block, wide = network.blocks[4], whole.blocks[4]

    half = widths.resized(block, wide, in_channels=32, mid=224, out=32)

    assert isinstance(wide, DepthwiseBlock)
    assert (wide.mid_channels, wide.squeeze_channels) == (336, 134)  # of 40 and 16
    assert isinstance(half, DepthwiseBlock)
    assert half.squeeze_channels == 89  # 224 x 134 / 336 = 89.3; by 16 / 40 it were 89.6
