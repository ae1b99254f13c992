"""Where drop path and DropBlock act in a network, and how often. Torch-free.

Both act on the base net and on augmented ones alike, in training alone.
"""

from netaug_core.architectures import Architecture
from netaug_core.vocabulary import Block, DepthwiseBlock, strided

# Of the probability, in the last groups of blocks, the last first; as in the reference
# implementation of Ghiasi et al. 2018, which names them groups 4 and 3 of a ResNet.
GROUP_SHARES = (1.0, 0.25)


def has_shortcut(block: Block) -> bool:
    """Whether something reaches the block's output beside its convolutions."""
    return not isinstance(block, DepthwiseBlock) or block.shortcut


def drop_path_rates(architecture: Architecture, rate: float) -> dict[int, float]:
    """The probability of each block that has a shortcut, by its place in the network.

    It grows linearly with depth to `rate` at the last one. Source: Huang et al. 2016, equation 4.
    """
    places = [place for place, block in enumerate(architecture.blocks) if has_shortcut(block)]
    return {place: rate * depth / len(places) for depth, place in enumerate(places, start=1)}


def drop_block_shares(architecture: Architecture) -> dict[int, float]:
    """The share of DropBlock's probability for each block that it acts in, by its place.

    A group is a run of blocks of one resolution: a stride begins the next.
    """
    shares: dict[int, float] = {}
    group = 0
    for place in reversed(range(len(architecture.blocks))):
        if group == len(GROUP_SHARES):
            break
        shares[place] = GROUP_SHARES[group]
        group += architecture.blocks[place].stride > 1
    return shares


def drop_block_probability(probability: float, epoch: int, num_epochs: int) -> float:
    """The probability in an epoch, counted from 0: it rises linearly to the whole in the last.

    Source: the schedule of Ghiasi et al. 2018, section 4.1, with a stair an epoch.
    """
    return probability * (epoch + 1) / num_epochs


def last_map_size(architecture: Architecture, input_size: int) -> int:
    """Side of the last block's output, the smallest map that DropBlock sees."""
    layers = [architecture.stem, architecture.pool, *architecture.blocks]
    size = input_size
    for layer in layers:
        size = size if layer is None else strided(size, layer.stride)
    return size
