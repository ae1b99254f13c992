"""Puts drop path and DropBlock into the network under training. What is deployed has neither."""

from typing import cast

from netaug_core import regularisers
from netaug_core.models.blocks import ConvNorm, DepthwiseBlock, ResidualBlock
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Network
from netaug_core.models.regularisers import DropBlock, DropPath
from netaug_core.spec import JobSpec


class Regularisers:
    """Those of a network, as the spec asks; none by default."""

    def __init__(self, network: Network | DetectionNetwork, spec: JobSpec) -> None:
        self._spec = spec
        self._drop_blocks: dict[float, DropBlock] = {}  # by their share of the probability
        if isinstance(network, DetectionNetwork):
            return  # a spec that asks for them there is refused
        if spec.model.drop_path:
            self._add_drop_path(network)
        if spec.model.drop_block:
            self._add_drop_block(network)

    def set_epoch(self, epoch: int) -> None:
        """DropBlock's probability depends on the epoch, counted from 0."""
        now = regularisers.drop_block_probability(
            self._spec.model.drop_block, epoch, self._spec.training.epochs
        )
        for share, drop_block in self._drop_blocks.items():
            drop_block.probability = share * now

    def _add_drop_path(self, network: Network) -> None:
        rates = regularisers.drop_path_rates(network.architecture, self._spec.model.drop_path)
        for place, rate in rates.items():
            join = _block(network, place).join
            assert join is not None  # noqa: S101  # a block with a rate has a shortcut
            join.drop_path = DropPath(rate)

    def _add_drop_block(self, network: Network) -> None:
        """After every convolution and in every shortcut: where Ghiasi et al. found it best."""
        architecture = network.architecture
        for place, share in regularisers.drop_block_shares(architecture).items():
            drop_block = self._drop_blocks.setdefault(
                share, DropBlock(self._spec.model.drop_block_size)
            )
            block = _block(network, place)
            if block.join is not None:
                block.join.drop_block = drop_block
            for table in architecture.blocks[place].convolutions():
                # One that sees the average has no map; a shortcut's output is the join's to drop.
                if not table.pooled and table.name != "shortcut":
                    cast("ConvNorm", block.get_submodule(table.name)).drop_block = drop_block


def _block(network: Network, place: int) -> DepthwiseBlock | ResidualBlock:
    return cast("DepthwiseBlock | ResidualBlock", network.blocks[place])
