"""The widest augmented net, whose leading slice is the tiny net; runs as any of its sub-nets."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from netaug_core import widths
from netaug_core.architectures import Architecture
from netaug_core.augment import sampling
from netaug_core.augment.elastic import ELASTIC, ElasticConv2d
from netaug_core.models.blocks import ConvNorm, DepthwiseBlock, ResidualBlock
from netaug_core.models.network import Initialisation, Network, build, initialise
from netaug_core.sections.augment import AugmentSpec
from netaug_core.vocabulary import Convolution


class Supernet(nn.Module):
    """One network of the family at its largest widths, made of elastic layers."""

    def __init__(
        self,
        architecture: Architecture,
        augment: AugmentSpec,
        generator: torch.Generator,
        method: Initialisation = "kaiming_uniform",
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.augment = augment
        self._multipliers = widths.Multipliers(
            augment.width_multipliers, augment.expand_multipliers
        )
        self._widest = widths.widest(architecture, self._multipliers)
        self.network = Network(self._widest, ELASTIC)
        initialise(self.network, generator, method)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the net now in use."""
        logits: Tensor = self.network(images)
        return logits

    def widest(self) -> Architecture:
        """The net of all weights, which holds all others."""
        return self._widest

    def use_base(self) -> None:
        """Run as the tiny net."""
        self.use(self.architecture)

    def use_random(self, generator: torch.Generator) -> None:
        """Run as an augmented net of random widths and expansions."""
        choose = sampling.uniform(generator)
        self.use(self._augmented(choose, choose))

    def use_width_only(self, generator: torch.Generator) -> None:
        """Run at random widths with the tiny net's expansions."""
        self.use(self._augmented(sampling.uniform(generator), widths.smallest))

    def use_expand_only(self, generator: torch.Generator) -> None:
        """Run at the tiny net's widths with random expansions."""
        self.use(self._augmented(widths.smallest, sampling.uniform(generator)))

    def use(self, net: Architecture) -> None:
        """Run as exactly this sub-net."""
        _activate(self.network, net.layers().values())
        for block, table in zip(self.blocks(), net.blocks, strict=True):
            _activate(block, table.convolutions())

    def blocks(self) -> list[DepthwiseBlock | ResidualBlock]:
        return [cast("DepthwiseBlock | ResidualBlock", block) for block in self.network.blocks]

    def base_network(self) -> Network:
        """A plain copy of the tiny net. Its running statistics are mixed: calibrate them."""
        base = build(self.architecture)
        wide = self.network.state_dict()
        base.load_state_dict(
            {name: _leading(wide[name], to.shape) for name, to in base.state_dict().items()}
        )
        return base.to(self.network.classifier.weight.device)

    def _augmented(self, choose_width: widths.Choice, choose_expand: widths.Choice) -> Architecture:
        return widths.augmented(
            self.architecture,
            self._widest,
            self._multipliers,
            choose_width=choose_width,
            choose_expand=choose_expand,
        )


def _activate(parent: nn.Module, convolutions: Iterable[Convolution]) -> None:
    for table in convolutions:
        layer = cast("ConvNorm", parent.get_submodule(table.name))
        cast("ElasticConv2d", layer.conv).active_out_channels = table.out_channels


def _leading(tensor: Tensor, shape: torch.Size) -> Tensor:
    return tensor[tuple(slice(size) for size in shape)]
