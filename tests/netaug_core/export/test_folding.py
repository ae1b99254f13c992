"""A folded model, executed by NumPy, computes what the network computes."""

import numpy as np
import pytest
import torch
from torch import nn

from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.errors import NotQuantizable
from netaug_core.export import folding
from netaug_core.graph import execution
from netaug_core.models.blocks import ConvNorm
from tests.netaug_core import detector_tables, trained
from tests.netaug_core.detector_tables import each_detector
from tests.netaug_core.networks import SIZE, each_network, own

# Of the largest value: both sum float32 numbers, in another order.
TOLERANCE = 1e-4


def images(size: int) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def assert_close(found: np.ndarray, expected: torch.Tensor) -> None:
    values = expected.permute(0, 2, 3, 1).numpy()
    assert found.shape == values.shape
    assert np.abs(found - values).max() <= TOLERANCE * np.abs(values).max()


@each_network
@torch.no_grad()
def test_a_folded_classifier_computes_the_same(network: Architecture) -> None:
    net = trained.network(network)

    (logits,) = execution.answers(folding.fold(net, SIZE), images(SIZE).permute(0, 2, 3, 1).numpy())

    assert logits.dtype == np.float32
    assert_close(logits, net(images(SIZE))[:, :, None, None])


@each_detector
@torch.no_grad()
def test_a_folded_detector_computes_the_same(detector: Detector) -> None:
    net = trained.detector(detector)
    given = images(detector_tables.SIZE)

    found = execution.answers(
        folding.fold(net, detector_tables.SIZE), given.permute(0, 2, 3, 1).numpy()
    )

    expected = [one for level in net.maps(given) for one in level]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs)


def test_all_tensors_can_be_seen() -> None:
    folded = folding.fold(trained.network(own()), SIZE)
    given = images(SIZE).permute(0, 2, 3, 1).numpy()

    tensors = execution.run(folded, given)

    assert {name: tensor.shape[1:] for name, tensor in tensors.items()} == {
        name: (shape.height, shape.width, shape.channels)
        for name, shape in folded.graph.shapes.items()
    }


def stem(net: nn.Module) -> ConvNorm:
    layer = net.get_submodule("stem")
    assert isinstance(layer, ConvNorm)
    return layer


def test_a_channel_without_variance_folds_and_is_named() -> None:
    net = trained.network(own())
    assert folding.constant_channels(net) == {}
    stem(net).norm.running_var[2] = 0.0

    folded = folding.fold(net, SIZE)

    assert folding.constant_channels(net) == {"stem": (2,)}
    with torch.no_grad():
        expected = net(images(SIZE))[:, :, None, None]
    found = execution.answers(folded, images(SIZE).permute(0, 2, 3, 1).numpy())
    assert_close(found[0], expected)


@pytest.mark.parametrize("variance", [-1.0, float("nan"), float("inf")])
def test_a_variance_that_is_none_is_refused_by_its_layers_name(variance: float) -> None:
    net = trained.network(own())
    stem(net).norm.running_var[2] = variance

    with pytest.raises(NotQuantizable, match="stem: channel 2 has no usable variance"):
        folding.fold(net, SIZE)


def test_a_variance_of_zero_without_epsilon_is_refused() -> None:
    net = trained.network(own())
    stem(net).norm.running_var[1] = 0.0
    stem(net).norm.eps = 0.0

    with pytest.raises(NotQuantizable, match="stem: channel 1 has no usable variance"):
        folding.fold(net, SIZE)


def test_a_weight_that_is_no_number_is_refused_by_its_layers_name() -> None:
    net = trained.network(own())
    with torch.no_grad():
        net.classifier.weight[3, 0] = float("nan")

    with pytest.raises(NotQuantizable, match="classifier: channel 3 has weights"):
        folding.fold(net, SIZE)
