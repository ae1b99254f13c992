"""SSDLite: six scales, each with separable heads for boxes and classes.

Source: Liu et al., SSD, 2016; Sandler et al., MobileNetV2, 2018, section 6.2; the extra layers,
anchors and heads are those of torchvision's ssdlite320_mobilenet_v3_large, but the scale at stride
16 is tapped after its last block here, not inside the next one.
"""

from collections.abc import Sequence

from netaug_core.architectures import Architecture
from netaug_core.detectors.backbone import tapped
from netaug_core.detectors.parts import depthwise, pointwise, prediction
from netaug_core.detectors.table import Detector, Head, Level
from netaug_core.families.rounding import make_divisible
from netaug_core.vocabulary import Activation, Convolution

STRIDES = (16, 32)
EXTRA_CHANNELS = (512, 256, 256, 128)  # at width 1, each at twice the stride before
BOX_VALUES = 4
BACKGROUND = 1  # a class of its own, the first one
# Side of the anchors at each scale, a part of the image's, and the last scale's next one.
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
ASPECT_RATIOS = (2.0, 3.0)  # and their inverses, beside two squares
ANCHORS_PER_CELL = 2 + 2 * len(ASPECT_RATIOS)


def ssdlite(
    network: Architecture,
    *,
    width: float = 1.0,
    extra_channels: Sequence[int] = EXTRA_CHANNELS,
    activation: Activation = "relu6",
) -> Detector:
    """The detector on a classifier's network, for as many classes.

    Args:
        network: the classifier's.
        width: multiplies the extra layers' channels.
        extra_channels: of the extra layers; they need as many scales as there are here.
        activation: after every convolution but the predictions.

    Raises:
        ValueError: the network has no blocks at one of the strides, or there are more or fewer
            extra layers than scales.
    """
    num_extra = len(SCALES) - 1 - len(STRIDES)
    if len(extra_channels) != num_extra:
        raise ValueError(f"extra_channels must be {num_extra} numbers; got {len(extra_channels)}")
    backbone, taps = tapped(network, STRIDES)
    classes = network.num_classes
    levels = [
        _level(stride, backbone.blocks[tap].out_channels, classes, activation, tap=tap)
        for stride, tap in taps.items()
    ]
    before = backbone.blocks[taps[STRIDES[-1]]].out_channels
    stride = STRIDES[-1]
    for extra in extra_channels:
        stride *= 2
        channels = make_divisible(extra * width)
        entry = _extra_block(before, channels, activation)
        levels.append(_level(stride, channels, classes, activation, entry=entry))
        before = channels
    return Detector(
        kind="ssdlite",
        backbone=backbone,
        levels=tuple(levels),
        anchors_per_cell=ANCHORS_PER_CELL,
    )


def _level(
    stride: int,
    channels: int,
    num_classes: int,
    activation: Activation,
    *,
    tap: int | None = None,
    entry: tuple[Convolution, ...] = (),
) -> Level:
    outputs = {"boxes": BOX_VALUES, "classes": BACKGROUND + num_classes}
    heads = tuple(
        Head(
            name=name,
            convolutions=(
                depthwise(channels, activation),
                prediction(channels, ANCHORS_PER_CELL * values),
            ),
        )
        for name, values in outputs.items()
    )
    return Level(stride=stride, tap=tap, entry=entry, heads=heads)


def _extra_block(
    in_channels: int, out_channels: int, activation: Activation
) -> tuple[Convolution, ...]:
    mid = out_channels // 2
    return (
        pointwise("reduce", in_channels, mid, activation),
        depthwise(mid, activation, stride=2),
        pointwise("widen", mid, out_channels, activation),
    )
