"""How many channels each part of a network has. The base net's come from its architecture."""

from dataclasses import dataclass

from netaug_core.architectures import Architecture, InvertedBlock


@dataclass(frozen=True)
class BlockWidths:
    """Channels of one block: inside, at the depthwise convolution, and at its output."""

    mid: int
    out: int


@dataclass(frozen=True)
class Widths:
    """Output channels of every convolution of one network."""

    stem: int
    blocks: tuple[BlockWidths, ...]
    final: int | None

    @property
    def features(self) -> int:
        """Channels that reach the classifier."""
        return self.blocks[-1].out if self.final is None else self.final


def base_widths(architecture: Architecture) -> Widths:
    """The widths of the tiny net itself."""
    channels = architecture.stem.out_channels
    blocks = []
    for block in architecture.blocks:
        mid = block.mid_channels if isinstance(block, InvertedBlock) else channels
        blocks.append(BlockWidths(mid, block.out_channels))
        channels = block.out_channels
    final = architecture.final.out_channels if architecture.final else None
    return Widths(architecture.stem.out_channels, tuple(blocks), final)
