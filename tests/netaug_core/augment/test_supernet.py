"""Elastic widths: whatever is drawn, the net runs as the leading slice."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netaug_core.architectures import Architecture
from netaug_core.augment.elastic import ElasticConv2d
from netaug_core.augment.supernet import Supernet
from netaug_core.models.blocks import DepthwiseBlock, ResidualBlock
from netaug_core.sections.augment import AugmentSpec
from tests.netaug_core.networks import CLASSES, NETWORKS, SIZE, each_network, own, small

AUGMENT = AugmentSpec(width_multipliers=(1.0, 2.0), expand_multipliers=(1.0, 1.5))
CHEAP = ("custom", "mobilenet_v2", "mobilenet_v3", "resnet18")


def make_supernet(network: Architecture) -> Supernet:
    return Supernet(network, AUGMENT, torch.Generator().manual_seed(0))


def images(size: int = SIZE) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def last(block: DepthwiseBlock | ResidualBlock) -> int | None:
    layer = block.project if isinstance(block, DepthwiseBlock) else block.third or block.second
    assert isinstance(layer.conv, ElasticConv2d)
    return layer.conv.active_out_channels


@each_network
def test_the_base_network_is_plain_and_computes_what_the_supernet_does_as_base(
    network: Architecture,
) -> None:
    supernet = make_supernet(network).eval()
    supernet.use_base()

    base = supernet.base_network().eval()

    assert base.architecture == network
    assert not any(isinstance(m, ElasticConv2d) for m in base.modules())
    torch.testing.assert_close(base(images()), supernet(images()), rtol=1e-5, atol=1e-5)


@each_network
def test_every_parameter_of_the_widest_net_gets_a_gradient(network: Architecture) -> None:
    supernet = make_supernet(network)
    supernet.use(supernet.widest())

    logits = supernet(images(64))
    logits.square().sum().backward()

    assert logits.shape == (2, CLASSES)
    assert torch.isfinite(logits).all()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in supernet.parameters())


@given(name=st.sampled_from(CHEAP), seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_a_drawn_net_is_the_plain_network_of_its_own_table(name: str, seed: int) -> None:
    supernet = make_supernet(NETWORKS[name]).eval()
    drawn: list[Architecture] = []
    use = supernet.use
    supernet.use = lambda net: (drawn.append(net), use(net))[1]  # type: ignore[method-assign]
    supernet.use_random(torch.Generator().manual_seed(seed))

    plain = Supernet(drawn[0], AUGMENT, torch.Generator()).base_network().eval()
    wide = supernet.network.state_dict()
    plain.load_state_dict(
        {
            name: wide[name][tuple(slice(size) for size in tensor.shape)]
            for name, tensor in plain.state_dict().items()
        }
    )

    torch.testing.assert_close(supernet(images()), plain(images()), rtol=1e-4, atol=1e-5)


def test_the_same_generator_draws_the_same_nets() -> None:
    supernet = make_supernet(own()).eval()
    outputs = []
    for _ in range(2):
        supernet.use_random(torch.Generator().manual_seed(5))
        outputs.append(supernet(images()))

    assert torch.equal(*outputs)


@each_network
def test_expand_only_keeps_the_width_of_the_base(network: Architecture) -> None:
    supernet = make_supernet(network)
    supernet.use_expand_only(torch.Generator().manual_seed(0))

    for block, table in zip(supernet.blocks(), network.blocks, strict=True):
        assert last(block) == table.out_channels


def test_width_only_keeps_the_expansion_ratios_of_the_base() -> None:
    network = small("mobilenet_v2")
    supernet = make_supernet(network)
    supernet.use_width_only(torch.Generator().manual_seed(0))

    widened = False
    before = last(supernet.blocks()[0])
    for block, table in list(zip(supernet.blocks(), network.blocks, strict=True))[1:]:
        assert isinstance(block, DepthwiseBlock)
        assert block.expand is not None
        assert before is not None
        mid = block.expand.conv.active_out_channels
        assert mid == round(before * table.mid_channels / table.in_channels)
        before = last(block)
        widened |= before != table.out_channels
    assert widened


@pytest.mark.parametrize("method", ["kaiming_uniform", "kaiming_fan_out"])
def test_the_initialisation_is_chosen(method: str) -> None:
    generator: Callable[[], torch.Generator] = lambda: torch.Generator().manual_seed(0)  # noqa: E731  # fresh each time
    default = Supernet(own(), AUGMENT, generator()).network.stem.conv.weight

    chosen = Supernet(own(), AUGMENT, generator(), method).network.stem.conv.weight

    assert torch.equal(default, chosen) == (method == "kaiming_uniform")
