"""The widest augmented net, whose leading slice is the tiny net; runs as any of its sub-nets."""

import itertools
from collections.abc import Mapping
from typing import Any, Generic, cast, overload

import torch
from torch import Tensor, nn

from netaug_core import widths
from netaug_core.architectures import Architecture
from netaug_core.augment import sampling
from netaug_core.augment.elastic import ELASTIC, ElasticConv2d
from netaug_core.augment.kinds import Kind, Net, Table, kind_of
from netaug_core.detectors.table import Detector
from netaug_core.models.blocks import PLAIN, ConvNorm, DepthwiseBlock, ResidualBlock
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Initialisation, Network
from netaug_core.sections.augment import AugmentSpec


class Supernet(nn.Module, Generic[Table, Net]):
    """One classifier or detector at its largest widths, made of elastic layers."""

    @overload
    def __init__(
        self: "Supernet[Architecture, Network]",
        architecture: Architecture,
        augment: AugmentSpec,
        generator: torch.Generator,
        method: Initialisation = "kaiming_uniform",
    ) -> None: ...

    @overload
    def __init__(
        self: "Supernet[Detector, DetectionNetwork]",
        architecture: Detector,
        augment: AugmentSpec,
        generator: torch.Generator,
        method: Initialisation = "kaiming_uniform",
        *,
        widen_neck: bool = False,
    ) -> None: ...

    def __init__(
        self,
        architecture: Any,
        augment: AugmentSpec,
        generator: torch.Generator,
        method: Initialisation = "kaiming_uniform",
        *,
        widen_neck: bool = False,
    ) -> None:
        super().__init__()
        self._kind: Kind[Table, Net] = kind_of(architecture, widen_neck=widen_neck)
        self.architecture: Table = architecture
        self.augment = augment
        self._multipliers = widths.Multipliers(
            augment.width_multipliers, augment.expand_multipliers
        )
        self._widest: Table = self._kind.augmented(
            architecture,
            architecture,
            self._multipliers,
            choose_width=widths.largest,
            choose_expand=widths.largest,
        )
        self._starts = {
            name: tuple(itertools.accumulate(conv.in_parts[:-1], initial=0))
            for name, conv in self._widest.convolutions().items()
            if conv.in_parts
        }
        self.network: Net = self._kind.make(self._widest, ELASTIC)
        self._kind.initialise(self.network, generator, method)

    def forward(self, images: Tensor) -> Tensor:
        """Output of the net now in use: logits, or a detector's raw output."""
        output: Tensor = self.network(images)
        return output

    def widest(self) -> Table:
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

    def use(self, net: Table) -> None:
        """Run as exactly this sub-net."""
        for name, table in net.convolutions().items():
            layer = cast("ConvNorm", self.network.get_submodule(name))
            conv = cast("ElasticConv2d", layer.conv)
            conv.active_out_channels = table.out_channels
            conv.active_in = self._places(name, table.in_parts)

    def blocks(self) -> list[DepthwiseBlock | ResidualBlock]:
        return [cast("DepthwiseBlock | ResidualBlock", block) for block in self.network.blocks]

    def base_network(self) -> Net:
        """A plain copy of the tiny net. Its running statistics are mixed: calibrate them."""
        base = self._kind.make(self.architecture, PLAIN)
        wide = self.network.state_dict()
        base.load_state_dict(
            {name: self._tiny(name, wide[name], to.shape) for name, to in base.state_dict().items()}
        )
        return base.to(self.network.stem.conv.weight.device)

    @torch.no_grad()
    def load_base(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy weights of the tiny net, or some of them, to their places in the widest."""
        wide = self.network.state_dict()
        for name, tensor in tensors.items():
            places = self._columns(name)
            if places is None:
                _leading(wide[name], tensor.shape).copy_(tensor)
            else:
                wide[name][: len(tensor)].index_copy_(1, places, tensor.to(wide[name]))

    def _tiny(self, name: str, wide: Tensor, shape: torch.Size) -> Tensor:
        """The tiny net's part of a tensor."""
        places = self._columns(name)
        if places is None:
            return _leading(wide, shape)
        return wide[: shape[0]].index_select(1, places)

    def _columns(self, name: str) -> Tensor | None:
        """Which input channels of a weight the tiny net reads; None: the leading ones."""
        conv = name.removesuffix(".conv.weight")
        if conv not in self._starts:
            return None
        places = self._places(conv, self.architecture.convolutions()[conv].in_parts)
        device = self.network.stem.conv.weight.device
        parts = [torch.arange(place.start, place.stop, device=device) for place in places or ()]
        return torch.cat(parts)

    def _places(self, name: str, in_parts: tuple[int, ...]) -> tuple[slice, ...] | None:
        """Where the weights are that read each part of a concatenation."""
        if name not in self._starts:
            return None
        pairs = zip(self._starts[name], in_parts, strict=True)
        return tuple(slice(start, start + part) for start, part in pairs)

    def _augmented(self, choose_width: widths.Choice, choose_expand: widths.Choice) -> Table:
        return self._kind.augmented(
            self.architecture,
            self._widest,
            self._multipliers,
            choose_width=choose_width,
            choose_expand=choose_expand,
        )


def _leading(tensor: Tensor, shape: torch.Size) -> Tensor:
    return tensor[tuple(slice(size) for size in shape)]
