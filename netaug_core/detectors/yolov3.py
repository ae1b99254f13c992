"""YOLOv3's neck and heads, small: the detector of the NetAug paper, recovered from its MACs.

Sets of three convolutions, not five, at a quarter of YOLOv3's widths, every 3 x 3 convolution as a
depthwise and a 1 x 1 one. MACs do not tell which layers are normalised and what activates them:
here all are normalised and end in ReLU6, as in the backbone, but for the predictions.
Source: Redmon and Farhadi, YOLOv3, 2018; Cai et al., NetAug, ICLR 2022.
"""

from collections.abc import Sequence

from netaug_core.architectures import Architecture
from netaug_core.detectors.backbone import tapped
from netaug_core.detectors.parts import pointwise, prediction, separable
from netaug_core.detectors.table import Detector, Head, Level
from netaug_core.vocabulary import Activation, Convolution

STRIDES = (32, 16, 8)
NECK_WIDTHS = (128, 64, 32)  # YOLOv3 has 512, 256, 128
ANCHORS_PER_CELL = 3
BOX_VALUES = 5  # x, y, width, height, objectness


def yolov3(
    network: Architecture,
    *,
    neck_widths: Sequence[int] = NECK_WIDTHS,
    activation: Activation = "relu6",
) -> Detector:
    """The detector on a classifier's network, for as many classes.

    Raises:
        ValueError: the network has no blocks at one of the strides.
    """
    backbone, taps = tapped(network, STRIDES)
    outputs = ANCHORS_PER_CELL * (BOX_VALUES + network.num_classes)
    levels: list[Level] = []
    for stride, width in zip(STRIDES, neck_widths, strict=True):
        channels = backbone.blocks[taps[stride]].out_channels
        entry: tuple[Convolution, ...] = ()
        if levels:
            before = levels[-1].neck[-1].out_channels
            entry = (pointwise("reduce", before, width, activation),)
        parts = (width, channels) if entry else ()
        neck = (
            Convolution(
                name="first",
                in_channels=sum(parts) or channels,
                out_channels=width,
                activation=activation,
                in_parts=parts,
            ),
            *separable(width, 2 * width, activation),
            pointwise("last", 2 * width, width, activation),
        )
        head = (*separable(width, 2 * width, activation), prediction(2 * width, outputs))
        heads = (Head(name="objects", convolutions=head),)
        levels.append(Level(stride=stride, tap=taps[stride], entry=entry, neck=neck, heads=heads))
    return Detector(
        kind="yolov3",
        backbone=backbone,
        levels=tuple(levels),
        anchors_per_cell=ANCHORS_PER_CELL,
    )
