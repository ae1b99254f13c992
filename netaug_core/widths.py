"""The augmented nets of a network, torch-free: its own table with other numbers of channels.

A width is chosen where no shortcut ties it to the block's input, an expansion for every block that
has inner channels of its own. Wider inputs widen the inside of a block too. As in the reference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from netaug_core.architectures import Architecture
from netaug_core.vocabulary import Block, ConvLayer, DepthwiseBlock, SeparableBlock

EXPAND_EPSILON = 1e-10  # the reference adds it to the base ratio before it rounds

# Takes one of some multipliers: at random, the first, the last.
Choice: TypeAlias = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Multipliers:
    """What can be chosen, each growing from 1.0."""

    width: Sequence[float]
    expand: Sequence[float]


def smallest(multipliers: Sequence[float]) -> float:
    return multipliers[0]


def largest(multipliers: Sequence[float]) -> float:
    return multipliers[-1]


def scaled(channels: float, multiplier: float) -> int:
    """Channels times a multiplier, rounded to the nearest whole number."""
    return int(channels * multiplier + 0.5)


def widest(base: Architecture, multipliers: Multipliers) -> Architecture:
    """The augmented net that holds all others."""
    return augmented(base, base, multipliers, choose_width=largest, choose_expand=largest)


def augmented(
    base: Architecture,
    whole: Architecture,
    multipliers: Multipliers,
    *,
    choose_width: Choice,
    choose_expand: Choice,
) -> Architecture:
    """One augmented net of `base`, a part of `whole`, the widest."""

    def width(channels: int) -> int:
        return scaled(channels, choose_width(multipliers.width))

    def widened(layer: ConvLayer | None, in_channels: int) -> ConvLayer | None:
        if layer is None:
            return None
        return replace(layer, in_channels=in_channels, out_channels=width(layer.out_channels))

    stem = replace(base.stem, out_channels=width(base.stem.out_channels))
    channels = stem.out_channels
    blocks = []
    for block, whole_block in zip(base.blocks, whole.blocks, strict=True):
        out = channels if block.keeps_width else width(block.out_channels)
        mid = channels
        if not isinstance(block, SeparableBlock):
            ratio = block.mid_channels / block.in_channels + EXPAND_EPSILON
            mid = scaled(channels, ratio * choose_expand(multipliers.expand))
        blocks.append(resized(block, whole_block, in_channels=channels, mid=mid, out=out))
        channels = out
    final = widened(base.final, channels)
    head = widened(base.head, channels if final is None else final.out_channels)
    return replace(base, stem=stem, blocks=tuple(blocks), final=final, head=head)


def resized(block: Block, whole: Block, *, in_channels: int, mid: int, out: int) -> Block:
    """`block` with these channels, as a part of `whole`, the widest block in its place."""
    if isinstance(block, DepthwiseBlock) and isinstance(whole, DepthwiseBlock):
        squeeze = _squeeze_channels(block, whole, mid)
        block = replace(block, in_channels=in_channels, out_channels=out, squeeze_channels=squeeze)
    else:
        block = replace(block, in_channels=in_channels, out_channels=out)
    return block if isinstance(block, SeparableBlock) else replace(block, mid_channels=mid)


def _squeeze_channels(block: DepthwiseBlock, whole: DepthwiseBlock, mid: int) -> int | None:
    """In proportion to the inner channels, as in the widest block; the tiny net has its own."""
    if block.squeeze_channels is None or whole.squeeze_channels is None:
        return None
    if mid == block.mid_channels:
        return block.squeeze_channels
    in_proportion = scaled(mid * whole.squeeze_channels / whole.mid_channels, 1)
    return max(block.squeeze_channels, in_proportion)
