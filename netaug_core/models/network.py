"""One network for all families, from its architecture. Modules are named as in cost.trace."""

import math

import torch
from torch import Tensor, nn

from netaug_core.architectures import Architecture, InvertedBlock, SeparableBlock
from netaug_core.models.blocks import PLAIN, Block, ConvNorm, Layers, conv_norm
from netaug_core.models.widths import BlockWidths, Widths, base_widths

CLASSIFIER_STD = 0.02  # truncated normal, as in the reference recipe


class Network(nn.Module):
    """Stem, blocks, optional final convolution, average pooling, classifier."""

    def __init__(self, architecture: Architecture, widths: Widths, layers: Layers) -> None:
        super().__init__()
        self.architecture = architecture
        stem = architecture.stem
        self.stem = conv_norm(
            layers, (architecture.in_channels, widths.stem), kernel=stem.kernel, stride=stem.stride
        )
        channels = widths.stem
        blocks = []
        for block, block_widths in zip(architecture.blocks, widths.blocks, strict=True):
            blocks.append(_block(layers, block, channels, block_widths))
            channels = block_widths.out
        self.blocks = nn.Sequential(*blocks)
        self.final: ConvNorm | None = None
        if architecture.final is not None:
            self.final = conv_norm(layers, (channels, widths.features))
        self.dropout = nn.Dropout(architecture.dropout)
        self.classifier = layers.linear(widths.features, architecture.num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of normalised images (B, C, H, W)."""
        features = self.stem(images)
        if images.shape[1] == 1:
            # One channel is laid out both ways at once: say that the rest is to be the fast way.
            features = features.contiguous(memory_format=torch.channels_last)
        features = self.blocks(features)
        if self.final is not None:
            features = self.final(features)
        features = features.mean((2, 3))  # (B, C)
        logits: Tensor = self.classifier(self.dropout(features))
        return logits


def build(architecture: Architecture, generator: torch.Generator | None = None) -> Network:
    """The tiny net as it is deployed. Initialised only if a generator is given."""
    network = Network(architecture, base_widths(architecture), PLAIN)
    if generator is not None:
        initialise(network, generator)
    return network


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Kaiming-uniform convolutions: the method's init; "fan out" fails at large expand ratios."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=CLASSIFIER_STD, generator=generator)
            nn.init.zeros_(module.bias)


def _block(
    layers: Layers, block: SeparableBlock | InvertedBlock, in_channels: int, widths: BlockWidths
) -> Block:
    expand = None
    has_shortcut = False
    if isinstance(block, InvertedBlock):
        has_shortcut = block.has_shortcut
        if block.expand_ratio != 1:
            expand = conv_norm(layers, (in_channels, widths.mid))
    mid = (widths.mid, widths.mid)
    depthwise = conv_norm(layers, mid, kernel=block.kernel, stride=block.stride, depthwise=True)
    project = conv_norm(layers, (widths.mid, widths.out), linear=True)
    return Block(expand, depthwise, project, has_shortcut=has_shortcut)
