"""A network as data, torch-free: a table of layers and blocks."""

import itertools
import operator
from dataclasses import dataclass

from netaug_core.vocabulary import Block, ConvLayer, Convolution, PoolLayer


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One network.

    Attributes:
        pool: after the stem.
        final: after the blocks, before the average over the image.
        head: after the average; it sees one value a channel.
    """

    name: str
    stem: ConvLayer
    blocks: tuple[Block, ...]
    final: ConvLayer | None
    num_classes: int
    pool: PoolLayer | None = None
    head: ConvLayer | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        channels = self.stem.out_channels
        for name, layer in self._after_stem():
            if layer.in_channels != channels:
                raise ValueError(
                    f"{name} must take the {channels} channels before it; got {layer.in_channels}"
                )
            channels = layer.out_channels

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.stem.in_channels

    @property
    def features(self) -> int:
        """Channels that reach the classifier."""
        last = self.head or self.final
        return self.trunk_channels if last is None else last.out_channels

    @property
    def trunk_channels(self) -> int:
        """Channels after the last block."""
        return self.blocks[-1].out_channels if self.blocks else self.stem.out_channels

    def layers(self) -> dict[str, Convolution]:
        """The convolutions outside the blocks: stem, final and head, as far as there are such."""
        named = {"stem": self.stem, "final": self.final, "head": self.head}
        return {
            name: Convolution(
                name=name,
                in_channels=layer.in_channels,
                out_channels=layer.out_channels,
                kernel=layer.kernel,
                stride=layer.stride,
                activation=layer.activation,
                norm=layer.norm,
                pooled=name == "head",
            )
            for name, layer in named.items()
            if layer is not None
        }

    def strides(self) -> list[int]:
        """Pixels of the image a pixel stands for: before the blocks, then after each of them."""
        before = self.stem.stride * (1 if self.pool is None else self.pool.stride)
        after = [block.stride for block in self.blocks]
        return list(itertools.accumulate([before, *after], operator.mul))

    def convolutions(self) -> dict[str, Convolution]:
        """Every convolution, by the full name of its module, those of the blocks last."""
        inner = {
            f"blocks.{index}.{conv.name}": conv
            for index, block in enumerate(self.blocks)
            for conv in block.convolutions()
        }
        return self.layers() | inner

    def _after_stem(self) -> list[tuple[str, Block | ConvLayer]]:
        blocks = [(f"blocks.{index}", block) for index, block in enumerate(self.blocks)]
        ends = [("final", self.final), ("head", self.head)]
        return [*blocks, *((name, layer) for name, layer in ends if layer is not None)]


@dataclass(frozen=True)
class ModelOptions:
    """What a spec may choose within a family."""

    num_classes: int
    in_channels: int = 3
    width: float = 1.0
    stem_stride: int = 2
    dropout: float = 0.0
