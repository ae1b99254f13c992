"""What rounds while it learns computes what the integers will."""

import numpy as np
import pytest
import torch

from netaug_core.architectures import Architecture
from netaug_core.export import folding
from netaug_core.quantized import calibration, quantising, reference, rewriting
from netaug_core.training.fake_quantization import FakeQuantized
from tests.netaug_core import detector_tables, trained
from tests.netaug_core.detector_tables import DETECTORS
from tests.netaug_core.networks import each_network, own
from tests.netaug_core.quantized import cases


@each_network
@torch.no_grad()
def test_it_computes_what_the_integers_compute(network: Architecture) -> None:
    model = rewriting.with_activations_in_convolutions(cases.folded(network))
    ranges = calibration.measure(model, cases.calibration(), "min_max")
    quantized = quantising.from_ranges(model, ranges)
    pictures = cases.pictures(8, seed=3)
    images = torch.from_numpy(cases.floats(pictures)).permute(0, 3, 1, 2)

    (found,) = FakeQuantized(model, ranges)(images)

    (steps,) = reference.answers(quantized, cases.integers(quantized, pictures))
    expected = cases.real(quantized, "classifier", steps)
    error = found.permute(0, 2, 3, 1).numpy() - expected
    # By the rounding of 53 layers at most, on which the two agree but for halves.
    assert np.sqrt((error**2).mean()) < 0.06 * expected.std()


@pytest.mark.parametrize("name", ["yolov3-custom", "ssdlite-custom"])
def test_every_weight_of_a_detector_gets_a_gradient_and_every_output_a_map(name: str) -> None:
    size = detector_tables.SIZE
    model = folding.fold(trained.detector(DETECTORS[name]), size)
    ranges = calibration.measure(model, cases.calibration(size=size), "min_max")
    net = FakeQuantized(model, ranges)
    images = torch.from_numpy(cases.floats(cases.pictures(8, seed=3, size=size)))

    outputs = net(images.permute(0, 3, 1, 2))

    shapes = [model.graph.shapes[output] for output in model.graph.outputs]
    assert [one.shape[1:] for one in outputs] == [(s.channels, s.height, s.width) for s in shapes]
    torch.stack([one.square().sum() for one in outputs]).sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_what_has_not_learnt_is_what_it_was() -> None:
    model = rewriting.with_activations_in_convolutions(cases.folded(own()))
    ranges = calibration.measure(model, cases.calibration(), "min_max")

    folded = FakeQuantized(model, ranges).folded()

    for name, conv in model.convolutions.items():
        assert np.array_equal(folded.convolutions[name].weights, conv.weights)
        assert np.array_equal(folded.convolutions[name].bias, conv.bias)
