"""Weights and biases as integers."""

import numpy as np
import pytest

from netaug_core.graph.folded import FoldedConv
from netaug_core.quantized.weights import quantised_weights


def conv(weights: list[list[float]], bias: list[float]) -> FoldedConv:
    return FoldedConv(np.array(weights, np.float32)[:, None, None], np.array(bias, np.float32))


def test_each_channel_has_the_scale_of_its_largest_weight() -> None:
    found = quantised_weights(conv([[0.5, -1.0], [0.001, 0.0005]], [0.25, -0.001]), 0.5)

    assert found.integers[:, 0, 0].tolist() == [[64, -127], [127, 64]]  # 63.5 goes to even
    assert found.scales == pytest.approx([1 / 127, 0.001 / 127])
    assert found.bias.tolist() == [round(0.25 * 2 * 127), round(-0.001 * 2 * 127 / 0.001)]


def test_a_bias_that_is_too_large_for_its_weights_makes_them_coarse() -> None:
    found = quantised_weights(conv([[1e-12, -1e-12], [1.0, 1.0]], [3.0, 0.0]), 0.01)

    assert found.integers[0].tolist() == [[[0, 0]]]
    assert found.bias[0] * found.scales[0] * 0.01 == pytest.approx(3.0)
    assert found.integers[1].tolist() == [[[127, 127]]]


@pytest.mark.parametrize("weight", [0.0, 1e-42])
def test_a_dead_channel_has_a_scale_all_the_same(weight: float) -> None:
    found = quantised_weights(conv([[weight], [0.5]], [0.0, 0.0]), 0.01)
    alone = quantised_weights(conv([[weight]], [0.0]), 0.01)

    assert found.integers.ravel().tolist() == [0, 127]
    assert found.scales.min() > 1e-30
    assert alone.integers.ravel().tolist() == [0]


def test_a_bias_without_a_scale_is_refused_by_its_channel() -> None:
    with pytest.raises(ValueError, match=r"the bias of channel 1, 1e\+37, is too large"):
        quantised_weights(conv([[0.5], [0.5]], [0.0, 1e37]), 1e-20)
