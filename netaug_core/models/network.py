"""One network for all families, from its architecture. Modules are named as in the graph."""

import math
from typing import Literal, TypeAlias, cast

import torch
from torch import Tensor, nn

from netaug_core import vocabulary
from netaug_core.architectures import Architecture
from netaug_core.models.blocks import (
    PLAIN,
    ConvNorm,
    DepthwiseBlock,
    Layers,
    ResidualBlock,
    activation,
    conv_norm,
)

CLASSIFIER_STD = 0.02  # truncated normal, as in the reference recipe

Initialisation: TypeAlias = Literal["kaiming_uniform", "kaiming_fan_out"]


class Network(nn.Module):
    """Stem, blocks, optional final convolution, average, optional head, classifier."""

    def __init__(self, architecture: Architecture, layers: Layers) -> None:
        super().__init__()
        self.architecture = architecture
        outer = {name: conv_norm(layers, conv) for name, conv in architecture.layers().items()}
        self.stem = outer["stem"]
        self.pool = None if architecture.pool is None else pool(architecture.pool)
        self.blocks = nn.Sequential(*(block(layers, table) for table in architecture.blocks))
        self.final: ConvNorm | None = outer.get("final")
        self.head: ConvNorm | None = outer.get("head")
        self.dropout = nn.Dropout(architecture.dropout)
        self.classifier = layers.linear(architecture.features, architecture.num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of normalised images (B, C, H, W)."""
        features: Tensor = self.blocks(before_blocks(images, self.stem, self.pool))
        if self.final is not None:
            features = self.final(features)
        features = features.mean((2, 3), keepdim=True)  # (B, C, 1, 1)
        if self.head is not None:
            features = self.head(features)
        logits: Tensor = self.classifier(self.dropout(features.flatten(1)))
        return logits

    def sortable(self) -> list[DepthwiseBlock | ResidualBlock]:
        """The parts that have inner channels."""
        return [cast("DepthwiseBlock | ResidualBlock", block) for block in self.blocks]


def build(
    architecture: Architecture,
    generator: torch.Generator | None = None,
    method: Initialisation = "kaiming_uniform",
) -> Network:
    """The tiny net as it is deployed. Initialised only if a generator is given."""
    network = Network(architecture, PLAIN)
    if generator is not None:
        initialise(network, generator, method)
    return network


def before_blocks(images: Tensor, stem: ConvNorm, pool: nn.MaxPool2d | None) -> Tensor:
    """What the blocks get of images (B, C, H, W)."""
    features: Tensor = stem(images)
    if images.shape[1] == 1:
        # One channel is laid out both ways at once: say that the rest is to be the fast way.
        features = features.contiguous(memory_format=torch.channels_last)
    return features if pool is None else pool(features)


def pool(table: vocabulary.PoolLayer) -> nn.MaxPool2d:
    """The pooling of a table."""
    return nn.MaxPool2d(table.kernel, table.stride, padding=table.kernel // 2)


def block(layers: Layers, table: vocabulary.Block) -> DepthwiseBlock | ResidualBlock:
    """The block of a table."""
    made = {conv.name: conv_norm(layers, conv) for conv in table.convolutions()}
    if isinstance(table, vocabulary.DepthwiseBlock):
        return DepthwiseBlock(made, has_shortcut=table.shortcut)
    return ResidualBlock(made, activation(table.activation))


def initialise(
    network: nn.Module,
    generator: torch.Generator,
    method: Initialisation = "kaiming_uniform",
) -> None:
    """Convolutions by `method`, biases zero, the classifier normal: as in the reference recipe.

    Args:
        network: all of its layers are initialised.
        generator: draws the weights.
        method: kaiming_uniform is the method's own, for fan-out fails at large expand ratios;
            kaiming_fan_out is what the reference gives its plain baseline.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _initialise_convolution(module, generator, method)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=CLASSIFIER_STD, generator=generator)
            nn.init.zeros_(module.bias)


def _initialise_convolution(
    conv: nn.Conv2d, generator: torch.Generator, method: Initialisation
) -> None:
    if method == "kaiming_uniform":
        nn.init.kaiming_uniform_(conv.weight, a=math.sqrt(5), generator=generator)
    else:
        # The reference counts all output channels, in depthwise convolutions too.
        fan_out = math.prod(conv.kernel_size) * conv.out_channels
        nn.init.normal_(conv.weight, std=math.sqrt(2 / fan_out), generator=generator)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
