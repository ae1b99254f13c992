"""MobileNetV3-Large (Howard et al. 2019): squeeze-and-excitation, h-swish."""

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.rounding import make_divisible
from netaug_core.families.stages import Stage, inverted_blocks
from netaug_core.vocabulary import Activation, ConvLayer, SeparableBlock

STEM = 16
# channels, stride of the first block, kernel, inner channels of each block, squeeze-and-excitation,
# activation: Howard et al. 2019, table 1. Channels are at width 1, the inner ones too.
STAGES: tuple[tuple[int, int, int, tuple[int, ...], bool, Activation], ...] = (
    (24, 2, 3, (64, 72), False, "relu"),
    (40, 2, 5, (72, 120, 120), True, "relu"),
    (80, 2, 3, (240, 200, 184, 184), False, "h_swish"),
    (112, 1, 3, (480, 672), True, "h_swish"),
    (160, 2, 5, (672, 960, 960), True, "h_swish"),
)
FINAL = 960
HEAD = 1280
SQUEEZE_REDUCTION = 4
LEAST_SQUEEZE = 16  # as in the reference code


def mobilenet_v3(options: ModelOptions) -> Architecture:
    """MobileNetV3-Large at any width. Its last convolution comes after the average."""
    width = options.width
    stem = make_divisible(STEM * width)
    final = make_divisible(FINAL * width)
    stages = _stages(width)
    head = make_divisible(HEAD * max(1.0, width))
    return Architecture(
        name="mobilenet_v3",
        stem=ConvLayer(
            in_channels=options.in_channels,
            out_channels=stem,
            kernel=3,
            stride=options.stem_stride,
            activation="h_swish",
        ),
        blocks=(
            SeparableBlock(in_channels=stem, out_channels=stem, activation="relu", shortcut=True),
            *inverted_blocks(stem, stages),
        ),
        final=ConvLayer(
            in_channels=stages[-1].out_channels, out_channels=final, activation="h_swish"
        ),
        head=ConvLayer(in_channels=final, out_channels=head, activation="h_swish", norm=False),
        num_classes=options.num_classes,
        dropout=options.dropout,
    )


def _stages(width: float) -> list[Stage]:
    stages = []
    for channels, stride, kernel, expansions, has_squeeze, activation in STAGES:
        mid = tuple(make_divisible(expansion * width) for expansion in expansions)
        squeeze = tuple(_squeeze_channels(channels) if has_squeeze else None for channels in mid)
        kernels = (kernel,) * len(mid)
        out = make_divisible(channels * width)
        stages.append(Stage(out, stride, kernels, mid, squeeze, activation))
    return stages


def _squeeze_channels(mid: int) -> int:
    return make_divisible(max(mid / SQUEEZE_REDUCTION, LEAST_SQUEEZE))
