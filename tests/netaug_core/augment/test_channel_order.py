"""Sorting keeps what the widest net computes and takes the momentum along."""

import copy

import numpy as np
import torch

from netaug_core.architectures import Architecture
from netaug_core.augment.channel_order import sort_channels
from netaug_core.augment.supernet import Supernet
from netaug_core.models.blocks import DepthwiseBlock
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.training.optim import sgd
from tests.netaug_core.networks import SIZE, each_network, own, small

AUGMENT = AugmentSpec(width_multipliers=(1.0, 1.5), expand_multipliers=(1.0, 1.5))
Trained = tuple[Supernet, torch.optim.SGD, torch.Tensor]


def trained_supernet(network: Architecture) -> Trained:
    """After one step, so that there is momentum and statistics differ by channel."""
    torch.manual_seed(0)
    supernet = Supernet(network, AUGMENT, torch.Generator().manual_seed(0))
    optimizer = sgd(supernet, TrainingSpec(epochs=1, learning_rate=0.001))
    images = torch.randn(4, 3, SIZE, SIZE)
    supernet(images).square().sum().backward()
    optimizer.step()
    return supernet, optimizer, images


def first_weight(supernet: Supernet) -> torch.Tensor:
    """Whose output channels are sorted: the first block with channels of its own."""
    return next(inner for block in supernet.blocks() for inner in block.inner_channels()).rows[0]


@each_network
def test_sorting_keeps_the_widest_nets_function(network: Architecture) -> None:
    supernet, optimizer, images = trained_supernet(network)
    supernet, images = supernet.double().eval(), images.double()
    before = supernet(images)
    weight = first_weight(supernet).clone()

    sort_channels(supernet, optimizer)

    assert not torch.equal(first_weight(supernet), weight)  # else this test shows nothing
    # Only the order of summation changes.
    torch.testing.assert_close(supernet(images), before)


@each_network
def test_the_most_important_channels_come_first(network: Architecture) -> None:
    supernet, optimizer, _ = trained_supernet(network)

    sort_channels(supernet, optimizer)

    for block in supernet.blocks():
        for inner in block.inner_channels():
            importance = inner.importance.abs().sum((0, 2, 3))
            assert torch.all(importance[:-1] >= importance[1:] - 1e-6)


@each_network
def test_sorting_twice_changes_nothing_more(network: Architecture) -> None:
    supernet, optimizer, _ = trained_supernet(network)
    sort_channels(supernet, optimizer)
    once = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    sort_channels(supernet, optimizer)

    for name, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, once[name]), name


@each_network
def test_channels_of_equal_importance_keep_their_order(network: Architecture) -> None:
    # The same magnitudes in another order for each channel: float32 sums of them differ.
    supernet, optimizer, _ = trained_supernet(network)
    generator = torch.Generator().manual_seed(1)
    for block in supernet.blocks():
        for inner in block.inner_channels():
            columns = inner.importance.detach().transpose(0, 1)  # a view, a row a channel
            row = torch.rand(columns[0].numel(), generator=generator)
            for channel in columns:
                channel.copy_(row[torch.randperm(len(row), generator=generator)].view_as(channel))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    sort_channels(supernet, optimizer)

    for name, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_every_channel_that_only_its_block_sees_is_sorted() -> None:
    supernet, _, _ = trained_supernet(own())

    counts = [len(block.inner_channels()) for block in supernet.blocks()]

    # separable with squeeze, inverted, inverted with squeeze, basic, bottleneck twice
    assert counts == [1, 1, 2, 1, 2, 2]


@each_network
def test_the_momentum_moves_with_its_weight(network: Architecture) -> None:
    supernet, optimizer, _ = trained_supernet(network)
    before = {parameter: pairs(parameter, optimizer) for parameter in supernet.parameters()}

    sort_channels(supernet, optimizer)

    for parameter, expected in before.items():
        assert np.array_equal(pairs(parameter, optimizer), expected)


def pairs(parameter: torch.Tensor, optimizer: torch.optim.SGD) -> np.ndarray:
    """Each weight with its momentum, in an order of their own."""
    momentum = optimizer.state[parameter]["momentum_buffer"]
    return np.sort(torch.complex(parameter.detach(), momentum).flatten().numpy())


def test_momentum_can_be_left_behind_as_in_the_reference_code() -> None:
    supernet, optimizer, _ = trained_supernet(small("mobilenet_v2"))
    weight = first_weight(supernet)
    momentum = optimizer.state[weight]["momentum_buffer"].clone()
    before = weight.detach().clone()

    sort_channels(supernet, optimizer, sort_momentum=False)

    assert not torch.equal(weight, before)
    assert torch.equal(optimizer.state[weight]["momentum_buffer"], momentum)


def test_followers_are_put_into_the_supernets_order_not_their_own() -> None:
    supernet, optimizer, images = trained_supernet(own())
    same, other = copy.deepcopy(supernet), copy.deepcopy(supernet).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    before = other(images)

    sort_channels(supernet, optimizer, followers=[same, other])

    for ours, theirs in zip(
        supernet.state_dict().values(), same.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    torch.testing.assert_close(other(images), before, rtol=1e-3, atol=1e-4)
    inner = next(b for b in other.blocks() if isinstance(b, DepthwiseBlock) and b.expand)
    importance = inner.inner_channels()[0].importance.abs().sum((0, 2, 3))
    assert not torch.all(importance[:-1] >= importance[1:])  # its own order would be another
