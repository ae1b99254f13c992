"""Elastic widths: whatever is drawn, the net runs as the leading slice."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netaug_core.architectures import ModelOptions, mobilenet_v2
from netaug_core.augment.elastic import ElasticBatchNorm2d, ElasticConv2d, ElasticLinear
from netaug_core.augment.supernet import Supernet
from netaug_core.models.widths import base_widths
from netaug_core.sections.augment import AugmentSpec

ARCHITECTURE = mobilenet_v2(ModelOptions(num_classes=4, width=0.1, in_channels=1))
AUGMENT = AugmentSpec(width_multipliers=(1.0, 2.0), expand_multipliers=(1.0, 1.5))
SIZES = st.integers(1, 8)


def make_supernet() -> Supernet:
    return Supernet(ARCHITECTURE, AUGMENT, torch.Generator().manual_seed(0))


def images() -> torch.Tensor:
    return torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))


@given(active_in=SIZES, active_out=SIZES)
@settings(max_examples=20, deadline=None)
def test_an_elastic_convolution_is_the_plain_one_of_the_leading_slice(
    active_in: int, active_out: int
) -> None:
    wide = ElasticConv2d(8, 8, 3, padding=1, bias=False)
    wide.active_out_channels = active_out
    narrow = nn.Conv2d(active_in, active_out, 3, padding=1, bias=False)
    narrow.weight.data = wide.weight.data[:active_out, :active_in].clone()
    features = torch.randn(2, active_in, 5, 5)

    assert torch.allclose(wide(features), narrow(features), atol=1e-6)


@given(active=SIZES)
@settings(max_examples=8, deadline=None)
def test_depthwise_norm_and_linear_follow_the_channels_they_are_given(active: int) -> None:
    depthwise = ElasticConv2d(8, 8, 3, padding=1, groups=8, bias=False)
    norm, linear = ElasticBatchNorm2d(8), ElasticLinear(8, 3)

    features = norm(depthwise(torch.randn(4, active, 5, 5)))

    assert features.shape == (4, active, 5, 5)
    assert linear(features.mean((2, 3))).shape == (4, 3)
    assert torch.all(norm.running_var[active:] == 1)  # the others' statistics are left alone


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_every_drawn_net_runs_and_reaches_every_weight_of_the_base(seed: int) -> None:
    supernet = make_supernet()
    supernet.use_random(torch.Generator().manual_seed(seed))

    supernet(images()).sum().backward()

    base = supernet.base_network()
    for (name, wide), narrow in zip(
        supernet.network.named_parameters(), base.parameters(), strict=True
    ):
        assert wide.grad is not None, name
        assert all(a >= b for a, b in zip(wide.shape, narrow.shape, strict=True))


def test_the_same_generator_draws_the_same_nets() -> None:
    supernet = make_supernet()
    outputs = []
    for _ in range(2):
        supernet.use_random(torch.Generator().manual_seed(5))
        outputs.append(supernet.eval()(images()))

    assert torch.equal(*outputs)


def test_expand_only_keeps_the_width_of_the_base() -> None:
    supernet = make_supernet()
    supernet.use_expand_only(torch.Generator().manual_seed(0))

    base = base_widths(ARCHITECTURE)
    for block, widths in zip(supernet.blocks(), base.blocks, strict=True):
        assert block.project.conv.active_out_channels == widths.out


def test_the_base_network_is_plain_and_computes_what_the_supernet_does_as_base() -> None:
    supernet = make_supernet().eval()
    supernet.use_base()

    base = supernet.base_network().eval()

    assert not any(isinstance(m, ElasticConv2d) for m in base.modules())
    assert torch.allclose(base(images()), supernet(images()), atol=1e-6)


@pytest.mark.parametrize("kind", ["use_base", "widest"])
def test_no_net_is_wider_than_the_supernet(kind: str) -> None:
    supernet = make_supernet()
    supernet.use(supernet.widest() if kind == "widest" else base_widths(ARCHITECTURE))

    assert supernet(images()).shape == (2, 4)
