"""Which augmented net runs in a step: widths drawn uniformly, as in the reference code.

A width is drawn where no shortcut ties it to the block's input, an expansion for every block.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from netaug_core.architectures import Architecture, InvertedBlock
from netaug_core.models.widths import BlockWidths, Widths

EXPAND_EPSILON = 1e-10  # the reference adds it to the base ratio before it rounds

# Takes one of some multipliers: at random, the first, the last.
Choice: TypeAlias = Callable[[Sequence[float]], float]


def scaled(channels: float, multiplier: float) -> int:
    """Channels times a multiplier, rounded to the nearest whole number."""
    return int(channels * multiplier + 0.5)


def uniform(generator: torch.Generator) -> Choice:
    """Draws each multiplier with equal probability."""

    def choose(multipliers: Sequence[float]) -> float:
        return multipliers[int(torch.randint(len(multipliers), (), generator=generator))]

    return choose


def smallest(multipliers: Sequence[float]) -> float:
    return multipliers[0]


def largest(multipliers: Sequence[float]) -> float:
    return multipliers[-1]


def widths(
    architecture: Architecture,
    width_multipliers: Sequence[float],
    expand_multipliers: Sequence[float],
    *,
    choose_width: Choice,
    choose_expand: Choice,
) -> Widths:
    """One augmented net. A wider input widens the inside of its block too."""
    channels = stem = scaled(architecture.stem.out_channels, choose_width(width_multipliers))
    blocks = []
    for block in architecture.blocks:
        tied = isinstance(block, InvertedBlock) and block.has_shortcut
        out = channels if tied else scaled(block.out_channels, choose_width(width_multipliers))
        mid = channels
        if isinstance(block, InvertedBlock) and block.expand_ratio != 1:
            expand = (block.expand_ratio + EXPAND_EPSILON) * choose_expand(expand_multipliers)
            mid = scaled(channels, expand)
        blocks.append(BlockWidths(mid, out))
        channels = out
    final = None
    if architecture.final:
        final = scaled(architecture.final.out_channels, choose_width(width_multipliers))
    return Widths(stem, tuple(blocks), final)
