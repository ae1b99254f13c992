"""Shared batch normalisation is torch's over the whole batch."""

import pytest
import torch
from torch import nn

from tests.netaug_core import shared_training
from tests.netaug_core.ranks import Ranks

CHANNELS = 5


@pytest.mark.parametrize("mean", [0.0, 1000.0])  # a large mean: a variance as E[x^2] - mean^2 fails
def test_it_is_batch_normalisation_of_all_devices_images(two_ranks: Ranks, mean: float) -> None:
    torch.manual_seed(1)
    images = torch.randn(8, CHANNELS, 3, 3) * torch.arange(1, 9)[:, None, None, None] + mean
    direction = torch.randn(8, CHANNELS, 3, 3)

    halves = two_ranks.run(shared_training.normalised, images, direction)

    torch.manual_seed(5)
    norm = nn.BatchNorm2d(CHANNELS + 2)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    own = nn.BatchNorm2d(CHANNELS)
    own.load_state_dict({k: v[:CHANNELS] if v.ndim else v for k, v in norm.state_dict().items()})
    images.requires_grad_()
    output = own(images)
    (output * direction).sum().backward()
    tolerance = {"rtol": 1e-4, "atol": 2e-4 if mean else 1e-5}  # float32 near 1000 has 4 decimals
    for index, expected in ((0, output), (1, images.grad)):
        found = torch.cat([half[index] for half in halves])
        torch.testing.assert_close(found, expected.detach(), **tolerance)
    for index, parameter in ((2, own.weight), (3, own.bias)):
        found = sum(half[index] for half in halves)
        torch.testing.assert_close(found[:CHANNELS], parameter.grad, **tolerance)
        assert torch.equal(found[CHANNELS:], torch.zeros(2))
    for index, running in ((4, own.running_mean), (5, own.running_var)):
        for half in halves:
            torch.testing.assert_close(half[index][:CHANNELS], running, **tolerance)
