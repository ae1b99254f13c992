"""The learning rate's curve, and what is decayed."""

import pytest
from torch import nn

from netaug_core.sections.training import TrainingSpec
from netaug_core.training.optim import learning_rate, sgd

SPEC = TrainingSpec(epochs=10, warmup_epochs=2, learning_rate=0.4, warmup_start=0.25)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.1), (10, 0.25), (20, 0.4), (60, 0.2), (100, 0.0)],
)
def test_the_rate_climbs_a_line_and_falls_half_a_cosine(step: int, expected: float) -> None:
    assert learning_rate(step, 10, SPEC) == pytest.approx(expected, abs=1e-12)


def test_without_warm_up_the_first_step_has_the_peak_rate() -> None:
    assert learning_rate(0, 10, TrainingSpec(epochs=1, learning_rate=0.3)) == 0.3


def test_only_weights_of_convolutions_and_the_classifier_decay() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Linear(2, 2))

    decayed, free = sgd(net, TrainingSpec(epochs=1, weight_decay=0.01)).param_groups

    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert decayed["weight_decay"] == 0.01
    assert [p.ndim for p in free["params"]] == [1, 1, 1]
    assert free["weight_decay"] == 0.0
