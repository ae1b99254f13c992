"""Where drop path and DropBlock act, on tables that can be checked by eye."""

import pytest

from netaug_core import regularisers
from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.registry import FAMILIES
from netaug_core.vocabulary import ConvLayer, InvertedBlock
from tests.netaug_core.networks import each_network, own, small


def test_drop_path_grows_with_depth_over_the_blocks_that_have_a_shortcut() -> None:
    # separable and the second inverted block have one, and every residual block; not the strided.
    rates = regularisers.drop_path_rates(own(), 0.5)

    assert rates == pytest.approx({0: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5})


def test_the_last_shortcut_of_a_family_has_the_whole_rate() -> None:
    network = small("mobilenet_v2")
    rates = regularisers.drop_path_rates(network, 0.2)

    # 2, 3, 4, 3, 3 blocks in the stages that repeat: all but the first of each has a shortcut.
    assert len(rates) == 10
    assert max(rates, key=lambda place: rates[place]) == 15
    assert rates[15] == pytest.approx(0.2)
    assert all(
        isinstance(block, InvertedBlock) and block.shortcut
        for place, block in enumerate(network.blocks)
        if place in rates
    )


def test_drop_block_acts_in_the_last_two_groups_of_a_resnet() -> None:
    network = FAMILIES["resnet50"].build(ModelOptions(num_classes=10))

    # 3, 4, 6 and 3 blocks: groups 3 and 4 are blocks 7 to 12 and 13 to 15.
    shares = regularisers.drop_block_shares(network)

    assert shares == dict.fromkeys(range(7, 13), 0.25) | dict.fromkeys(range(13, 16), 1.0)


def test_stages_of_the_same_resolution_are_one_group() -> None:
    # Channels 64 and 96 are at one resolution, 160 and 320 at the next.
    shares = regularisers.drop_block_shares(small("mobilenet_v2"))

    assert shares == dict.fromkeys(range(6, 13), 0.25) | dict.fromkeys(range(13, 17), 1.0)


@each_network
def test_the_groups_are_the_last_blocks_of_every_network(network: Architecture) -> None:
    shares = regularisers.drop_block_shares(network)

    first = min(shares)
    assert sorted(shares) == list(range(first, len(network.blocks)))
    assert network.blocks[first].stride == 2


def test_a_network_of_one_resolution_is_one_group() -> None:
    blocks = own().blocks[2:4]
    network = Architecture(
        name="custom",
        stem=ConvLayer(in_channels=1, out_channels=blocks[0].in_channels),
        blocks=blocks,
        final=None,
        num_classes=2,
    )

    assert regularisers.drop_block_shares(network) == {0: 1.0, 1: 1.0}


def test_the_probability_of_drop_block_rises_to_the_whole_in_the_last_epoch() -> None:
    rising = [regularisers.drop_block_probability(0.2, epoch, 4) for epoch in range(4)]

    assert rising == pytest.approx([0.05, 0.1, 0.15, 0.2])


def test_the_smallest_map_is_what_the_strides_leave() -> None:
    assert regularisers.last_map_size(small("mobilenet_v2"), 160) == 5
    assert regularisers.last_map_size(small("resnet18"), 160) == 5  # its pool halves once
    assert regularisers.last_map_size(own(), 21) == 3  # 11, 6, 3
