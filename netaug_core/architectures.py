"""The network families as data, torch-free. The builder and the cost both read these tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Activation = Literal["relu6"]

CHANNEL_DIVISOR = 8  # MobileNetV2, Sandler et al. 2018: channels are kept divisible by 8


@dataclass(frozen=True)
class ConvLayer:
    """A k x k convolution, batch normalisation, activation."""

    out_channels: int
    kernel: int
    stride: int
    activation: Activation = "relu6"


@dataclass(frozen=True)
class SeparableBlock:
    """A depthwise k x k convolution, then a linear 1 x 1 one. Never has a shortcut."""

    out_channels: int
    kernel: int
    stride: int
    activation: Activation = "relu6"


@dataclass(frozen=True)
class InvertedBlock:
    """1 x 1 expansion, depthwise k x k, linear 1 x 1 projection (MobileNetV2)."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    expand_ratio: int
    activation: Activation = "relu6"

    @property
    def mid_channels(self) -> int:
        return self.in_channels * self.expand_ratio

    @property
    def has_shortcut(self) -> bool:
        return self.stride == 1 and self.in_channels == self.out_channels


@dataclass(frozen=True)
class Architecture:
    """One network: stem, blocks, optional final 1 x 1 convolution, average pooling, classifier."""

    name: str
    in_channels: int
    stem: ConvLayer
    blocks: tuple[SeparableBlock | InvertedBlock, ...]
    final: ConvLayer | None
    num_classes: int
    dropout: float = 0.0


@dataclass(frozen=True)
class ModelOptions:
    """What a spec may choose within a family."""

    num_classes: int
    in_channels: int = 3
    width: float = 1.0
    stem_stride: int = 2
    dropout: float = 0.0


def make_divisible(channels: float, divisor: int = CHANNEL_DIVISOR) -> int:
    """Round to a multiple of `divisor`, losing at most a tenth (MobileNetV2's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


# expand ratio, channels at width 1, blocks, stride of the first: Sandler et al. 2018, table 2
MOBILENET_V2_STAGES = (
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
MOBILENET_V2_STEM = 32
MOBILENET_V2_FIRST = 16
MOBILENET_V2_FINAL = 1280
TINY_WIDTH = 0.35
TINY_FINAL = (
    448  # MobileNetV2-Tiny of the NetAug paper: the 0.35 net with a smaller final convolution
)


def _mobilenet_v2_blocks(width: float) -> tuple[SeparableBlock | InvertedBlock, ...]:
    channels = make_divisible(MOBILENET_V2_FIRST * width)
    blocks: list[SeparableBlock | InvertedBlock] = [SeparableBlock(channels, kernel=3, stride=1)]
    for expand_ratio, stage_channels, num_blocks, first_stride in MOBILENET_V2_STAGES:
        out_channels = make_divisible(stage_channels * width)
        for index in range(num_blocks):
            stride = first_stride if index == 0 else 1
            blocks.append(InvertedBlock(channels, out_channels, 3, stride, expand_ratio))
            channels = out_channels
    return tuple(blocks)


def _mobilenet_v2(name: str, options: ModelOptions, width: float, final: int) -> Architecture:
    return Architecture(
        name=name,
        in_channels=options.in_channels,
        stem=ConvLayer(make_divisible(MOBILENET_V2_STEM * width), 3, options.stem_stride),
        blocks=_mobilenet_v2_blocks(width),
        final=ConvLayer(final, kernel=1, stride=1),
        num_classes=options.num_classes,
        dropout=options.dropout,
    )


def mobilenet_v2(options: ModelOptions) -> Architecture:
    """MobileNetV2 at any width; the final convolution only grows, as in the reference."""
    final = make_divisible(MOBILENET_V2_FINAL * max(1.0, options.width))
    return _mobilenet_v2("mobilenet_v2", options, options.width, final)


def mobilenet_v2_tiny(options: ModelOptions) -> Architecture:
    """MobileNetV2-Tiny (Cai et al., NetAug, ICLR 2022): 0.75 M parameters with 1,000 classes."""
    return _mobilenet_v2("mobilenet_v2_tiny", options, TINY_WIDTH, TINY_FINAL)


FAMILIES: dict[str, Callable[[ModelOptions], Architecture]] = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v2_tiny": mobilenet_v2_tiny,
}

# Families whose width is part of the name: a spec that gives another one is refused.
FIXED_WIDTH = {"mobilenet_v2_tiny": TINY_WIDTH}
