"""ResNet (He et al. 2016), to show that large networks do not gain."""

from collections.abc import Callable

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.rounding import make_divisible
from netaug_core.vocabulary import BasicBlock, BottleneckBlock, ConvLayer, PoolLayer, ResidualBlock

STEM = 64
STAGES = (64, 128, 256, 512)  # inner channels at width 1
RESNET18_BLOCKS = (2, 2, 2, 2)
RESNET50_BLOCKS = (3, 4, 6, 3)
BOTTLENECK_EXPANSION = 4


def resnet18(options: ModelOptions) -> Architecture:
    """ResNet-18 at any width. With a stem of stride 1, its form for small images."""

    def block(in_channels: int, mid: int, stride: int) -> BasicBlock:
        return BasicBlock(
            in_channels=in_channels,
            mid_channels=mid,
            out_channels=mid,
            stride=stride,
            projection=stride != 1 or in_channels != mid,
        )

    return _table("resnet18", options, RESNET18_BLOCKS, block)


def resnet50(options: ModelOptions) -> Architecture:
    """ResNet-50, with the stride at the 3 x 3 convolution; as resnet18 otherwise."""

    def block(in_channels: int, mid: int, stride: int) -> BottleneckBlock:
        out = mid * BOTTLENECK_EXPANSION
        return BottleneckBlock(
            in_channels=in_channels,
            mid_channels=mid,
            out_channels=out,
            stride=stride,
            projection=stride != 1 or in_channels != out,
        )

    return _table("resnet50", options, RESNET50_BLOCKS, block)


def _table(
    name: str,
    options: ModelOptions,
    num_blocks: tuple[int, ...],
    block: Callable[[int, int, int], ResidualBlock],
) -> Architecture:
    channels = stem = make_divisible(STEM * options.width)
    blocks: list[ResidualBlock] = []
    for stage, (stage_channels, count) in enumerate(zip(STAGES, num_blocks, strict=True)):
        mid = make_divisible(stage_channels * options.width)
        for index in range(count):
            blocks.append(block(channels, mid, 2 if stage > 0 and index == 0 else 1))
            channels = blocks[-1].out_channels
    # He et al.'s own form for 32-pixel images: a 3 x 3 stem, and no pooling before the blocks.
    is_small = options.stem_stride == 1
    return Architecture(
        name=name,
        stem=ConvLayer(
            in_channels=options.in_channels,
            out_channels=stem,
            kernel=3 if is_small else 7,
            stride=options.stem_stride,
            activation="relu",
        ),
        pool=None if is_small else PoolLayer(),
        blocks=tuple(blocks),
        final=None,
        num_classes=options.num_classes,
        dropout=options.dropout,
    )
