from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.architectures import InvertedBlock, ModelOptions, mobilenet_v2_tiny
from netaug_core.augment import sampling
from netaug_core.models.widths import base_widths

ARCHITECTURE = mobilenet_v2_tiny(ModelOptions(num_classes=10))
WIDTH, EXPAND = (1.0, 1.8, 2.6), (1.0, 1.6, 2.2, 2.8)


def draw(choose_width: sampling.Choice, choose_expand: sampling.Choice) -> sampling.Widths:
    return sampling.widths(
        ARCHITECTURE, WIDTH, EXPAND, choose_width=choose_width, choose_expand=choose_expand
    )


def test_the_smallest_draw_is_the_tiny_net() -> None:
    assert draw(sampling.smallest, sampling.smallest) == base_widths(ARCHITECTURE)


def test_the_widest_first_block_has_the_channels_computed_by_hand() -> None:
    widest = draw(sampling.largest, sampling.largest)

    assert widest.stem == 42  # 16 x 2.6 = 41.6
    assert widest.blocks[0].out == 21  # 8 x 2.6 = 20.8
    assert widest.blocks[1].mid == 353  # 21 x 6 x 2.8 = 352.8
    assert widest.final == 1165  # 448 x 2.6 = 1164.8


@given(seed=st.integers(0, 2**31))
def test_a_draw_takes_listed_widths_and_shortcuts_keep_theirs(seed: int) -> None:
    choose = sampling.uniform(torch.Generator().manual_seed(seed))

    widths = draw(choose, choose)

    channels = widths.stem
    for block, drawn in zip(ARCHITECTURE.blocks, widths.blocks, strict=True):
        tied = isinstance(block, InvertedBlock) and block.has_shortcut
        allowed = {channels} if tied else {int(block.out_channels * f + 0.5) for f in WIDTH}
        ratio = block.expand_ratio if isinstance(block, InvertedBlock) else 1
        expands = EXPAND if isinstance(block, InvertedBlock) else (1.0,)
        assert drawn.out in allowed
        assert drawn.mid in {int(channels * ratio * f + 0.5) for f in expands}
        channels = drawn.out


def test_each_multiplier_is_drawn_equally_often() -> None:
    choose = sampling.uniform(torch.Generator().manual_seed(0))

    counts = Counter(choose(EXPAND) for _ in range(4000))

    # 1,000 each expected, standard deviation 27: five of them.
    assert all(abs(counts[multiplier] - 1000) < 137 for multiplier in EXPAND)


def test_expand_only_keeps_the_tiny_net_s_outputs() -> None:
    base = base_widths(ARCHITECTURE)
    widths = draw(sampling.smallest, sampling.largest)

    assert [block.out for block in widths.blocks] == [block.out for block in base.blocks]
    assert all(
        wide.mid > tiny.mid for wide, tiny in zip(widths.blocks[1:], base.blocks[1:], strict=True)
    )
