import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from netaug_core import cost
from netaug_core.architectures import FAMILIES, Architecture, ModelOptions
from netaug_core.models.network import Network, build

ARCHITECTURES = [
    FAMILIES[name](
        ModelOptions(num_classes=7, in_channels=channels, stem_stride=stride, width=0.35)
    )
    for name in sorted(FAMILIES)
    for channels, stride in ((3, 2), (1, 1))
]
IDS = [f"{a.name}-{a.in_channels}ch-stride{a.stem.stride}" for a in ARCHITECTURES]
each_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=IDS)


def make_network(architecture: Architecture) -> Network:
    return build(architecture, torch.Generator().manual_seed(0))


@each_architecture
def test_logits_have_a_row_an_image_and_every_parameter_gets_a_gradient(
    architecture: Architecture,
) -> None:
    network = make_network(architecture)

    logits = network(torch.randn(3, architecture.in_channels, 32, 32))
    logits.square().sum().backward()

    assert logits.shape == (3, 7)
    assert torch.isfinite(logits).all()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@each_architecture
def test_the_cost_table_counts_what_torch_counts(architecture: Architecture) -> None:
    network = make_network(architecture).eval()

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, architecture.in_channels, 32, 32))
    counted = cost.measure(architecture, 32)

    assert counted.macs * 2 == counter.get_total_flops()  # torch counts a MAC as two
    assert counted.params == sum(p.numel() for p in network.parameters())


@each_architecture
def test_layers_are_named_as_the_operations_of_the_cost(architecture: Architecture) -> None:
    network = make_network(architecture)
    modules = {name for name, _ in network.named_modules()}

    named = {operation.name for operation in cost.trace(architecture, 32)} - {"pool"}

    assert named <= modules


def test_the_same_generator_seed_makes_the_same_network() -> None:
    one, same = (make_network(ARCHITECTURES[0]).state_dict() for _ in range(2))

    assert all(torch.equal(one[name], same[name]) for name in one)


def test_convolutions_are_kaiming_uniform_by_their_inputs() -> None:
    network = make_network(ARCHITECTURES[0])
    weight = network.blocks[1].expand.conv.weight
    bound = 1 / math.sqrt(weight[0].numel())  # a = sqrt(5) makes it 1 / sqrt(fan in)

    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.9 * bound


def test_a_block_with_expand_ratio_one_has_no_expansion() -> None:
    from netaug_core.architectures import ConvLayer, InvertedBlock

    block = InvertedBlock(8, 8, kernel=3, stride=1, expand_ratio=1)
    architecture = Architecture("one", 3, ConvLayer(8, 3, 2), (block,), None, num_classes=2)
    network = make_network(architecture)

    assert network.blocks[0].expand is None
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 2)
    assert isinstance(network.classifier, nn.Linear)
    assert network.classifier.in_features == 8
