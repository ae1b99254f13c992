"""The augmented gradient may help the base gradient or be at right angles, never oppose it."""

import pytest
import torch
from torch import Tensor, nn

from netaug_core.training.projection import add_projected, take


def added(base: list[float], augmented: list[float]) -> Tensor:
    parameter = nn.Parameter(torch.zeros(len(base)))
    add_projected([parameter], [torch.tensor(base)], [torch.tensor(augmented)])
    assert parameter.grad is not None
    return parameter.grad


@pytest.mark.parametrize(
    ("base", "augmented", "expected"),
    [
        ([1.0, 0.0], [2.0, 3.0], [3.0, 3.0]),  # they agree: the plain sum
        ([1.0, 0.0], [-2.0, 3.0], [1.0, 3.0]),  # the opposing part is gone
        ([0.0, 0.0], [-2.0, 3.0], [-2.0, 3.0]),  # no base gradient to oppose
    ],
)
def test_the_opposing_part_is_left_out(
    base: list[float], augmented: list[float], expected: list[float]
) -> None:
    assert added(base, augmented).tolist() == expected


def test_all_parameters_count_as_one_vector() -> None:
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    base = [torch.tensor([1.0]), torch.tensor([1.0])]
    augmented = [torch.tensor([-1.0]), torch.tensor([1.0])]  # apart one opposes, together neither

    add_projected(parameters, base, augmented)

    assert [p.grad.item() for p in parameters if p.grad is not None] == [0.0, 2.0]


def test_a_parameter_that_one_pass_did_not_touch_keeps_the_other_s_gradient() -> None:
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]

    add_projected(parameters, [torch.tensor([1.0]), None], [None, torch.tensor([2.0])])

    assert [p.grad.item() for p in parameters if p.grad is not None] == [1.0, 2.0]


def test_taken_gradients_are_gone_from_the_parameters() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)

    assert take([parameter]) == [torch.ones(1)]
    assert parameter.grad is None
