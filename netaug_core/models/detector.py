"""One network for all detectors, from its table. Modules are named as in the graph.

Stem, pool and blocks have the names that they have in a classifier: its weights fit.
B batch, C channels, H and W height and width, N anchors of all levels, V values of an anchor.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.detectors.table import Detector, Level
from netaug_core.models.blocks import (
    PLAIN,
    ConvNorm,
    DepthwiseBlock,
    InnerChannels,
    Layers,
    ResidualBlock,
    conv_norm,
)
from netaug_core.models.network import Initialisation, before_blocks, block, initialise, pool
from netaug_core.vocabulary import Convolution

# Before training, how sure the net is of an object at an anchor: else the thousands of empty
# anchors rule the first steps. Source: Lin et al., focal loss, 2017, section 4.1.
PRIOR_OBJECTNESS = 0.01
OBJECTNESS = 4  # its place in the values of an anchor


class Scale(nn.Module):
    """A level: its features, from a tap and the level before, and its predictions."""

    def __init__(self, layers: Layers, level: Level) -> None:
        super().__init__()
        self.entry = _chain(layers, level.entry)
        self.neck = _chain(layers, level.neck)
        self.heads = nn.ModuleDict(
            {head.name: _chain(layers, head.convolutions) for head in level.heads}
        )

    def features(self, before: Tensor | None, tap: Tensor | None) -> Tensor:
        """Of the level before (B, C, H, W) and a tap (B, C, 2 H, 2 W), or of one of them."""
        if len(self.entry) == 0 or before is None:
            assert tap is not None  # noqa: S101  # for mypy: a table without either is refused
            return cast("Tensor", self.neck(tap))
        entered: Tensor = self.entry(before)
        if tap is not None:
            enlarged = F.interpolate(entered, scale_factor=2.0, mode="nearest")
            entered = torch.cat([enlarged, tap], 1)
        return cast("Tensor", self.neck(entered))

    def predictions(self, features: Tensor) -> list[Tensor]:
        """Of each head, (B, anchors x values, H, W)."""
        return [head(features) for head in self.heads.values()]

    def inner_channels(self) -> list[InnerChannels]:
        """In the order in which to sort them: what is sorted first does not change the next."""
        chains = [self.entry, self.neck, *self.heads.values()]
        return [inner for chain in chains for inner in _inner_channels(chain)]


class DetectionNetwork(nn.Module):
    """Stem and blocks of a classifier, and scales of predictions."""

    def __init__(self, detector: Detector, layers: Layers) -> None:
        super().__init__()
        self.architecture = detector
        backbone = detector.backbone
        self.stem = conv_norm(layers, backbone.layers()["stem"])
        self.pool = None if backbone.pool is None else pool(backbone.pool)
        self.blocks = nn.Sequential(*(block(layers, table) for table in backbone.blocks))
        self.levels = nn.ModuleList(Scale(layers, level) for level in detector.levels)

    def forward(self, images: Tensor) -> Tensor:
        """Raw output (B, N, V), in the table's order, of normalised images (B, C, S, S)."""
        return rows(self.maps(images), self.architecture.anchors_per_cell)

    def maps(self, images: Tensor) -> list[list[Tensor]]:
        """Raw output as the heads give it: for each level, of each head (B, anchors x v, H, W)."""
        taps = self._taps(images)
        features: Tensor | None = None
        maps = []
        for table, level in zip(self.architecture.levels, self.levels, strict=True):
            scale = cast("Scale", level)
            tap = None if table.tap is None else taps[table.tap]
            features = scale.features(features, tap)
            maps.append(scale.predictions(features))
        return maps

    def sortable(self) -> list[DepthwiseBlock | ResidualBlock | Scale]:
        """The parts that have inner channels."""
        parts = [*self.blocks, *self.levels]
        return [cast("DepthwiseBlock | ResidualBlock | Scale", part) for part in parts]

    def _taps(self, images: Tensor) -> dict[int, Tensor]:
        wanted = {level.tap for level in self.architecture.levels}
        features = before_blocks(images, self.stem, self.pool)
        taps = {}
        for index, part in enumerate(self.blocks):
            features = part(features)
            if index in wanted:
                taps[index] = features
        return taps


def build(
    detector: Detector,
    generator: torch.Generator | None = None,
    method: Initialisation = "kaiming_uniform",
) -> DetectionNetwork:
    """The tiny detector as it is deployed. Initialised only if a generator is given."""
    network = DetectionNetwork(detector, PLAIN)
    if generator is not None:
        initialise_detector(network, generator, method)
    return network


@torch.no_grad()
def initialise_detector(
    network: DetectionNetwork,
    generator: torch.Generator,
    method: Initialisation = "kaiming_uniform",
) -> None:
    """As a classifier; yolov3's objectness begins at PRIOR_OBJECTNESS."""
    initialise(network, generator, method)
    table = network.architecture
    if table.kind != "yolov3":
        return
    for level in network.levels:
        for head in cast("Scale", level).heads.values():
            bias = cast("ConvNorm", cast("nn.Sequential", head)[-1]).conv.bias
            assert bias is not None  # noqa: S101  # for mypy: predictions have no normalisation
            by_anchor = bias.view(table.anchors_per_cell, table.values_per_anchor)
            by_anchor[:, OBJECTNESS] = -math.log((1 - PRIOR_OBJECTNESS) / PRIOR_OBJECTNESS)


def _chain(layers: Layers, convolutions: tuple[Convolution, ...]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((conv.name, conv_norm(layers, conv)) for conv in convolutions))


def rows(maps: Sequence[Sequence[Tensor]], anchors_per_cell: int) -> Tensor:
    """Raw output (B, N, V) of what the heads of each level give, (B, anchors x v, H, W)."""
    levels = []
    for level in maps:
        parts = [_by_anchor(one, anchors_per_cell) for one in level]
        levels.append(parts[0] if len(parts) == 1 else torch.cat(parts, 2))
    return torch.cat(levels, 1)


def _by_anchor(predictions: Tensor, anchors: int) -> Tensor:
    """(B, anchors x v, H, W) to (B, H x W x anchors, v); free where channels lie last."""
    batch, channels, height, width = predictions.shape
    by_cell = predictions.permute(0, 2, 3, 1)  # (B, H, W, anchors x v)
    return by_cell.reshape(batch, height * width * anchors, channels // anchors)


def _inner_channels(chain: nn.Module) -> list[InnerChannels]:
    """Between two convolutions of a chain that are not depthwise; a depthwise one goes along."""
    inner = []
    makers: list[ConvNorm] = []
    for module in chain.children():
        layer = cast("ConvNorm", module)
        is_depthwise = layer.conv.groups > 1
        if makers and not is_depthwise:
            rows = tuple(row for maker in makers for row in maker.rows())
            inner.append(InnerChannels(rows, (layer.conv.weight,), layer.conv.weight))
        if not is_depthwise:
            makers = [layer]
        elif makers:
            makers.append(layer)
    return inner
