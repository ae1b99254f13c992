"""Sorting keeps what the widest net computes and takes the momentum along."""

import torch

from netaug_core.architectures import ModelOptions, mobilenet_v2
from netaug_core.augment.channel_order import sort_channels
from netaug_core.augment.supernet import Supernet
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.training.optim import sgd


def trained_supernet() -> tuple[Supernet, torch.optim.SGD, torch.Tensor]:
    """After one step, so that there is momentum and statistics differ by channel."""
    torch.manual_seed(0)
    architecture = mobilenet_v2(ModelOptions(num_classes=4, width=0.1, in_channels=1))
    augment = AugmentSpec(width_multipliers=(1.0, 2.0), expand_multipliers=(1.0, 2.0))
    supernet = Supernet(architecture, augment, torch.Generator().manual_seed(0))
    optimizer = sgd(supernet, TrainingSpec(epochs=1, learning_rate=0.01))
    images = torch.randn(4, 1, 32, 32)
    supernet(images).square().sum().backward()
    optimizer.step()
    return supernet, optimizer, images


def test_sorting_keeps_the_widest_nets_function() -> None:
    supernet, optimizer, images = trained_supernet()
    before = supernet.eval()(images)

    sort_channels(supernet, optimizer)

    # Only the order of summation changes.
    assert torch.allclose(supernet(images), before, rtol=1e-4, atol=1e-4)


def test_the_most_important_channels_come_first() -> None:
    supernet, optimizer, _ = trained_supernet()

    sort_channels(supernet, optimizer)

    for block in supernet.blocks():
        if block.expand is not None:
            importance = block.project.conv.weight.abs().sum((0, 2, 3))
            assert torch.all(importance[:-1] >= importance[1:] - 1e-6)


def test_the_momentum_moves_with_its_weight() -> None:
    supernet, optimizer, _ = trained_supernet()
    block = next(b for b in supernet.blocks() if b.expand is not None)
    weight = block.expand.conv.weight
    momentum = optimizer.state[weight]["momentum_buffer"]
    pairs = {tuple(w.flatten().tolist()): m.clone() for w, m in zip(weight, momentum, strict=True)}
    order_before = weight.detach().clone()

    sort_channels(supernet, optimizer)

    assert not torch.equal(weight, order_before)  # else this test shows nothing
    for row, moved in zip(weight, optimizer.state[weight]["momentum_buffer"], strict=True):
        assert torch.equal(pairs[tuple(row.flatten().tolist())], moved)


def test_sorting_twice_changes_nothing_more() -> None:
    supernet, optimizer, _ = trained_supernet()
    sort_channels(supernet, optimizer)
    once = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    sort_channels(supernet, optimizer)

    for name, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, once[name]), name
