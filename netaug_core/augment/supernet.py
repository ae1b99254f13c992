"""The widest augmented net, whose leading slice is the tiny net; runs as any of its sub-nets."""

from typing import cast

import torch
from torch import Tensor, nn

from netaug_core.architectures import Architecture
from netaug_core.augment import sampling
from netaug_core.augment.elastic import ELASTIC, ElasticConv2d
from netaug_core.models.blocks import Block, ConvNorm
from netaug_core.models.network import Network, build, initialise
from netaug_core.models.widths import Widths, base_widths
from netaug_core.sections.augment import AugmentSpec


class Supernet(nn.Module):
    """One network of the family at its largest widths, made of elastic layers."""

    def __init__(
        self, architecture: Architecture, augment: AugmentSpec, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.augment = augment
        self.network = Network(architecture, self.widest(), ELASTIC)
        initialise(self.network, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the net now in use."""
        logits: Tensor = self.network(images)
        return logits

    def widest(self) -> Widths:
        return self._widths(sampling.largest, sampling.largest)

    def use_base(self) -> None:
        """Run as the tiny net."""
        self.use(base_widths(self.architecture))

    def use_random(self, generator: torch.Generator) -> None:
        """Run as an augmented net of random widths and expansions."""
        choose = sampling.uniform(generator)
        self.use(self._widths(choose, choose))

    def use_expand_only(self, generator: torch.Generator) -> None:
        """Run at the tiny net's widths with random expansions."""
        self.use(self._widths(sampling.smallest, sampling.uniform(generator)))

    def use(self, widths: Widths) -> None:
        """Run as the sub-net of exactly these widths."""
        _set_width(self.network.stem, widths.stem)
        for block, block_widths in zip(self.blocks(), widths.blocks, strict=True):
            if block.expand is not None:
                _set_width(block.expand, block_widths.mid)
            _set_width(block.project, block_widths.out)
        if self.network.final is not None:
            _set_width(self.network.final, widths.features)

    def blocks(self) -> list[Block]:
        return [cast("Block", block) for block in self.network.blocks]

    def base_network(self) -> Network:
        """A plain copy of the tiny net. Its running statistics are mixed: calibrate them."""
        base = build(self.architecture)
        wide = self.network.state_dict()
        base.load_state_dict(
            {name: _leading(wide[name], to.shape) for name, to in base.state_dict().items()}
        )
        return base.to(self.network.classifier.weight.device)

    def _widths(self, choose_width: sampling.Choice, choose_expand: sampling.Choice) -> Widths:
        return sampling.widths(
            self.architecture,
            self.augment.width_multipliers,
            self.augment.expand_multipliers,
            choose_width=choose_width,
            choose_expand=choose_expand,
        )


def _set_width(layer: ConvNorm, channels: int) -> None:
    cast("ElasticConv2d", layer.conv).active_out_channels = channels


def _leading(tensor: Tensor, shape: torch.Size) -> Tensor:
    return tensor[tuple(slice(size) for size in shape)]
