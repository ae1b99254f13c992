"""The random numbers of a step on several devices."""

import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.training.draws import draw


def dropout_mask(step: int, rank: int) -> Tensor:
    draw(7, step, rank, nets_by_rank=False)
    return F.dropout(torch.ones(64), training=True)


def test_devices_drop_different_units_and_a_repeated_step_the_same() -> None:
    assert torch.equal(dropout_mask(3, 0), dropout_mask(3, 0))
    assert not torch.equal(dropout_mask(3, 0), dropout_mask(3, 1))
    assert not torch.equal(dropout_mask(3, 0), dropout_mask(4, 0))


def test_all_devices_augment_in_the_same_steps() -> None:
    turns = [[draw(7, step, rank, nets_by_rank=True).turn for step in range(8)] for rank in (0, 1)]

    assert turns[0] == turns[1]
