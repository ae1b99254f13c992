import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.graph import building
from netaug_core.models.network import Network, build
from tests.netaug_core.networks import CLASSES, NETWORKS, SIZE, each_network, own, small

ONE_CHANNEL = [small("mobilenet_v2", in_channels=1), small("resnet18", in_channels=1), own(1)]


def make_network(architecture: Architecture) -> Network:
    return build(architecture, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "network", [*NETWORKS.values(), *ONE_CHANNEL], ids=lambda n: f"{n.name}-{n.in_channels}"
)
def test_logits_have_a_row_an_image_and_every_parameter_gets_a_gradient(
    network: Architecture,
) -> None:
    net = make_network(network)
    torch.manual_seed(0)

    logits = net(torch.randn(4, network.in_channels, 64, 64))
    logits.square().sum().backward()

    assert logits.shape == (4, CLASSES)
    assert torch.isfinite(logits).all()
    without = [
        name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert not without


@each_network
def test_the_cost_table_counts_what_torch_counts(network: Architecture) -> None:
    net = make_network(network).eval()

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, network.in_channels, SIZE, SIZE))
    counted = cost.measure(network, SIZE)

    assert counted.macs * 2 == counter.get_total_flops()  # torch counts a MAC as two
    assert counted.params == sum(p.numel() for p in net.parameters())


@each_network
def test_layers_are_named_as_the_operations_of_the_cost(network: Architecture) -> None:
    net = make_network(network)
    modules = {name for name, module in net.named_modules() if isinstance(module, nn.Module)}

    assert set(cost.params(network, building.of_table(network, SIZE))) <= modules


@each_network
def test_the_layout_of_the_images_does_not_change_the_logits(network: Architecture) -> None:
    net = make_network(network).eval()
    images = torch.randn(2, network.in_channels, SIZE, SIZE)

    with torch.no_grad():
        plain = net(images)
        net = net.to(memory_format=torch.channels_last)
        fast = net(images.contiguous(memory_format=torch.channels_last))

    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)


def test_the_same_generator_seed_makes_the_same_network() -> None:
    one, same = (make_network(small("mobilenet_v3")).state_dict() for _ in range(2))

    assert all(torch.equal(one[name], same[name]) for name in one)


def test_convolutions_are_kaiming_uniform_by_their_inputs() -> None:
    network = make_network(small("mobilenet_v2"))
    weight = network.get_submodule("blocks.1.expand.conv").weight
    bound = 1 / math.sqrt(weight[0].numel())  # a = sqrt(5) makes it 1 / sqrt(fan in)

    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.9 * bound


@pytest.mark.parametrize(
    "layer", ["final.conv", "blocks.6.depthwise.conv", "blocks.6.project.conv"]
)
def test_fan_out_takes_its_deviation_from_the_output_channels(layer: str) -> None:
    generator = torch.Generator().manual_seed(0)
    network = build(small("mobilenet_v2"), generator, "kaiming_fan_out")
    conv = network.get_submodule(layer)
    assert isinstance(conv, nn.Conv2d)
    expected = math.sqrt(2 / (conv.kernel_size[0] ** 2 * conv.out_channels))

    # A standard deviation of n values is known to 1 / sqrt(2 n): four of them.
    tolerance = 4 / math.sqrt(2 * conv.weight.numel())
    assert conv.weight.std().item() == pytest.approx(expected, rel=tolerance)


def test_biases_of_convolutions_begin_at_zero() -> None:
    network = make_network(own())

    biases = [m.bias for m in network.modules() if isinstance(m, nn.Conv2d) and m.bias is not None]

    assert len(biases) == 6  # squeeze and excite of two blocks, final, head
    assert not any(bias.any() for bias in biases)
