"""The receipt says what the two sets of answers say."""

import numpy as np
import pytest
import torch

from netaug_core.data.parts import Part
from netaug_core.data.sources import MemoryImages
from netaug_core.export.classification import compare
from netaug_core.training.state import RunState


def make_part(labels: list[int]) -> Part:
    source = MemoryImages(torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8))
    return Part(source, np.arange(len(labels)), np.array(labels, np.int64))


def test_gain_and_times_are_those_of_the_two_runs() -> None:
    part = make_part([0, 1] * 50)
    logits = torch.eye(2)[torch.from_numpy(part.labels)]
    control = logits.clone()
    control[:10] = control[:10].flip(1)  # ten of a hundred wrong
    state, control_state = RunState(), RunState()
    state.step_seconds, state.train_seconds = 24.0, 30.0
    control_state.step_seconds, control_state.train_seconds = 10.0, 12.0

    receipt = compare(part, logits, control, (state, control_state))

    assert receipt.gain == pytest.approx(10.0)
    assert 0 < receipt.gain_low < 10 < receipt.gain_high
    assert (receipt.test_score, receipt.control_test_score) == (1.0, 0.9)
    assert (receipt.step_time_ratio, receipt.train_time_ratio) == (2.4, 2.5)
    assert "NetAug +10.00 top-1 points" in receipt.sentence()
    assert "2.40x the step time" in receipt.sentence()


def test_equal_answers_gain_nothing() -> None:
    part = make_part([0, 1])
    logits = torch.eye(2)
    state = RunState()
    state.step_seconds = state.train_seconds = 1.0

    receipt = compare(part, logits, logits, (state, state))

    assert receipt.gain == 0.0
    assert receipt.gain_low <= 0.0 <= receipt.gain_high
