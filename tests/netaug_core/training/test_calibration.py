"""Calibration against a direct computation of each layer's batch statistics."""

import torch
from torch import Tensor

from netaug_core.architectures import ModelOptions
from netaug_core.families.mobilenet_v2 import mobilenet_v2
from netaug_core.models.network import Network, build
from netaug_core.training.calibration import calibrate

ARCHITECTURE = mobilenet_v2(ModelOptions(num_classes=4, width=0.1, in_channels=1))


def network() -> Network:
    return build(ARCHITECTURE, torch.Generator().manual_seed(0))


def batches() -> list[Tensor]:
    """Of unequal sizes: the means are weighted by them."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, 1, 32, 32, generator=generator) for n in (6, 3)]


def nothing() -> None:
    """Nobody waits."""


def test_the_stem_gets_the_weighted_mean_and_biased_variance_of_its_batches() -> None:
    net = network()
    outputs = [net.stem.conv(images).double() for images in batches()]
    mean = sum(len(o) * o.mean((0, 2, 3)) for o in outputs) / 9
    variance = sum(len(o) * o.var((0, 2, 3), correction=0) for o in outputs) / 9

    calibrate(net, batches(), nothing)

    assert torch.allclose(net.stem.norm.running_mean.double(), mean, atol=1e-6)
    assert torch.allclose(net.stem.norm.running_var.double(), variance, rtol=1e-5, atol=1e-7)


def test_on_one_batch_eval_mode_computes_what_train_mode_does() -> None:
    net = network().double()  # small variances would magnify float32's rounding
    images = batches()[0].double()
    expected = net.train()(images).detach()

    calibrate(net, [images], nothing)

    assert not net.training
    assert torch.allclose(net(images), expected, atol=1e-9)


def test_calibration_restores_momentum_and_leaves_the_weights_alone() -> None:
    net = network()
    before = [p.clone() for p in net.parameters()]

    calibrate(net, batches(), nothing)

    assert net.stem.norm.momentum == 0.1
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
