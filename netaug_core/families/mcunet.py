"""MCUNet (Lin et al., NeurIPS 2020): searched for microcontrollers, one fixed size."""

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.stages import Stage, inverted_blocks
from netaug_core.vocabulary import ConvLayer, SeparableBlock

STEM = 16
FIRST = 8
# channels, stride of the first block, and kernel and inner channels of each block
STAGES = (
    (16, 2, (7, 3, 7, 5), (24, 80, 80, 64)),
    (24, 2, (5, 5, 5), (80, 120, 120)),
    (40, 2, (3, 7, 5), (120, 240, 160)),
    (48, 1, (5, 7, 3), (200, 240, 240)),
    (96, 2, (3, 7, 3), (288, 480, 384)),
    (160, 1, (7,), (480,)),
)


def mcunet(options: ModelOptions) -> Architecture:
    """MCUNet. The last block feeds the classifier: there is no final convolution."""
    stages = [
        Stage(channels, stride, kernels, mid, (None,) * len(kernels))
        for channels, stride, kernels, mid in STAGES
    ]
    return Architecture(
        name="mcunet",
        stem=ConvLayer(
            in_channels=options.in_channels,
            out_channels=STEM,
            kernel=3,
            stride=options.stem_stride,
        ),
        blocks=(
            SeparableBlock(in_channels=STEM, out_channels=FIRST),
            *inverted_blocks(FIRST, stages),
        ),
        final=None,
        num_classes=options.num_classes,
        dropout=options.dropout,
    )
