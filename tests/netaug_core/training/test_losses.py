"""A loss that is not finite is found, with its step and its term."""

import math

import pytest
import torch

from netaug_core.errors import NonFiniteLoss
from netaug_core.training.losses import CHECK_STEPS, LossLog


def test_means_are_over_all_steps_of_the_epoch() -> None:
    log = LossLog()
    for step, loss in enumerate((1.0, 2.0, 6.0), start=1):
        log.add(torch.tensor([loss, 2 * loss]), step)
    log.settle(3)

    assert log.means() == [3.0, 6.0]
    assert log.latest == [6.0, 12.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_augmented_term_is_named_with_its_step(bad: float) -> None:
    log = LossLog()
    log.add(torch.tensor([1.0, 2.0]), 7)
    log.add(torch.tensor([1.0, bad]), 8)
    log.add(torch.tensor([1.0, 2.0]), 9)

    with pytest.raises(NonFiniteLoss, match=f"the augmented loss became {bad} at step 8"):
        log.settle(9)


def test_a_bad_loss_is_found_within_the_checking_interval() -> None:
    log = LossLog()

    with pytest.raises(NonFiniteLoss, match="base loss became nan at step 1"):  # noqa: PT012  # any
        for step in range(1, CHECK_STEPS + 1):
            log.add(torch.tensor([math.nan]), step)


def test_settling_twice_counts_a_step_once() -> None:
    log = LossLog()
    log.add(torch.tensor([4.0]), 1)
    log.settle(1)
    log.settle(1)

    assert log.means() == [4.0]


def test_a_step_without_an_augmented_pass_counts_for_the_base_term_alone() -> None:
    log = LossLog()
    for step, losses in enumerate(([1.0, 5.0], [3.0], [5.0, 7.0]), start=1):
        log.add(torch.tensor(losses), step)
    log.settle(3)

    assert log.means() == [3.0, 6.0]
    assert log.latest == [5.0, 7.0]
