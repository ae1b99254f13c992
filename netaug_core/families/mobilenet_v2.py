"""MobileNetV2 (Sandler et al. 2018), and the tiny one of the NetAug paper."""

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.rounding import make_divisible
from netaug_core.families.stages import by_ratio, inverted_blocks
from netaug_core.vocabulary import ConvLayer, SeparableBlock

# expand ratio, channels at width 1, blocks, stride of the first: Sandler et al. 2018, table 2
STAGES = (
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM = 32
FIRST = 16
FINAL = 1280
TINY_WIDTH = 0.35
TINY_FINAL = 448  # the 0.35 net with a smaller final convolution (Cai et al., NetAug, ICLR 2022)


def mobilenet_v2(options: ModelOptions) -> Architecture:
    """MobileNetV2 at any width; the final convolution only grows, as in the reference."""
    final = make_divisible(FINAL * max(1.0, options.width))
    return _table("mobilenet_v2", options, options.width, final)


def mobilenet_v2_tiny(options: ModelOptions) -> Architecture:
    """MobileNetV2-Tiny: 0.75 M parameters with 1,000 classes. Its width is fixed."""
    return _table("mobilenet_v2_tiny", options, TINY_WIDTH, TINY_FINAL)


def _table(name: str, options: ModelOptions, width: float, final: int) -> Architecture:
    stem, first = make_divisible(STEM * width), make_divisible(FIRST * width)
    stages = []
    channels = first
    for ratio, stage_channels, num_blocks, stride in STAGES:
        out = make_divisible(stage_channels * width)
        kernels, ratios = (3,) * num_blocks, (ratio,) * num_blocks
        stages.append(by_ratio(channels, out, stride, kernels=kernels, ratios=ratios))
        channels = out
    return Architecture(
        name=name,
        stem=ConvLayer(
            in_channels=options.in_channels,
            out_channels=stem,
            kernel=3,
            stride=options.stem_stride,
        ),
        blocks=(
            SeparableBlock(in_channels=stem, out_channels=first),
            *inverted_blocks(first, stages),
        ),
        final=ConvLayer(in_channels=channels, out_channels=final),
        num_classes=options.num_classes,
        dropout=options.dropout,
    )
