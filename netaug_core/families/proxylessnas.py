"""ProxylessNAS-Mobile (Cai et al., ICLR 2019): kernels and expansions found by search."""

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.rounding import make_divisible
from netaug_core.families.stages import by_ratio, inverted_blocks
from netaug_core.vocabulary import ConvLayer, SeparableBlock

# channels at width 1, stride of the first block, and kernel and expand ratio of each block
STAGES = (
    (32, 2, (5, 3), (3, 3)),
    (40, 2, (7, 3, 5, 5), (3, 3, 3, 3)),
    (80, 2, (7, 5, 5, 5), (6, 3, 3, 3)),
    (96, 1, (5, 5, 5, 5), (6, 3, 3, 3)),
    (192, 2, (7, 7, 7, 7), (6, 6, 3, 3)),
    (320, 1, (7,), (6,)),
)
STEM = 32
FIRST = 16
FINAL = 1280


def proxylessnas_mobile(options: ModelOptions) -> Architecture:
    """ProxylessNAS-Mobile at any width; the final convolution only grows, as in the reference."""
    stem, first = make_divisible(STEM * options.width), make_divisible(FIRST * options.width)
    stages = []
    channels = first
    for stage_channels, stride, kernels, ratios in STAGES:
        out = make_divisible(stage_channels * options.width)
        stages.append(by_ratio(channels, out, stride, kernels=kernels, ratios=ratios))
        channels = out
    final = make_divisible(FINAL * max(1.0, options.width))
    return Architecture(
        name="proxylessnas_mobile",
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
