"""model_int8.onnx holds a quantised model's integers, and onnxruntime computes what they say."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from netaug_core.architectures import Architecture
from netaug_core.export import folding, int8_parity, onnx_int8
from netaug_core.export.int8_parity import Steps
from netaug_core.graph.operations import Conv
from netaug_core.quantized import quantising, reference
from netaug_core.quantized.model import ConvNumbers, QuantizedModel
from netaug_core.quantized.rewriting import with_activations_in_convolutions
from netaug_core.quantized.weights import quantised_weights
from tests.netaug_core import detector_tables, trained
from tests.netaug_core.detector_tables import DETECTORS
from tests.netaug_core.networks import CLASSES, SIZE, each_network, own
from tests.netaug_core.quantized import cases


def detector(name: str) -> QuantizedModel:
    size = detector_tables.SIZE
    folded = folding.fold(trained.detector(DETECTORS[name]), size)
    return quantising.quantise(folded, cases.calibration(size=size), "min_max")


@each_network
def test_every_layer_is_within_a_step_and_the_logits_are_close(
    network: Architecture, tmp_path: Path
) -> None:
    model = cases.quantised(network)
    images = cases.integers(model, cases.pictures(20, seed=5))
    path = tmp_path / "model_int8.onnx"

    onnx_int8.write(path, model, {})

    layers = int8_parity.by_layer(path, model, images)
    assert list(layers) == [operation.name for operation in model.graph.operations]
    assert int8_parity.first_difference(layers) is None
    total = sum(steps.equal + steps.by_one for steps in layers.values())
    assert sum(steps.by_one for steps in layers.values()) < 0.005 * total
    # Where layers differ by a step now and then, those after them differ by what that makes: the
    # more, the deeper the network. Its weights are random: nothing holds its answers together.
    (found,) = int8_parity.answers(path, model, images)
    (expected,) = reference.answers(model, images)
    apart = found.astype(float) - expected
    assert np.sqrt((apart**2).mean()) < 0.06 * expected.astype(float).std()


@pytest.mark.parametrize("name", ["yolov3-mobilenet_v3", "ssdlite-custom", "yolov3-custom"])
def test_every_layer_of_a_detector_is_within_a_step(name: str, tmp_path: Path) -> None:
    model = detector(name)
    images = cases.integers(model, cases.pictures(4, seed=5, size=detector_tables.SIZE))
    path = tmp_path / "model_int8.onnx"

    onnx_int8.write(path, model, {})

    assert int8_parity.first_difference(int8_parity.by_layer(path, model, images)) is None
    found = int8_parity.answers(path, model, images)
    for ours, theirs in zip(found, reference.answers(model, images), strict=True):
        assert ours.shape == theirs.shape
        apart = ours.astype(float) - theirs
        assert np.sqrt((apart**2).mean()) < 0.06 * theirs.astype(float).std()


def test_the_file_holds_the_models_integers_and_scales() -> None:
    folded = with_activations_in_convolutions(cases.folded(own()))
    model = cases.quantised(own())

    document = onnx_int8.build(model)

    onnx.checker.check_model(document, full_check=True)
    held = {one.name: numpy_helper.to_array(one) for one in document.graph.initializer}
    for conv in [one for one in model.graph.operations if isinstance(one, Conv)]:
        numbers = model.numbers[conv.name]
        assert isinstance(numbers, ConvNumbers)
        weights = held[f"{conv.name}.weight.int8"]
        assert np.array_equal(weights.transpose(0, 2, 3, 1), numbers.weights)
        assert np.array_equal(held[f"{conv.name}.bias.int8"], numbers.bias)
        made_of = quantised_weights(
            folded.convolutions[conv.name], model.tensors[conv.inputs[0]].scale
        )
        assert held[f"{conv.name}.weight.scale"].tolist() == made_of.scales.tolist()
    for name, quantization in model.tensors.items():
        assert float(held[f"{name}.scale"]) == quantization.scale
        assert int(held[f"{name}.zero_point"]) == quantization.zero_point


def test_the_file_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    model = cases.quantised(own())
    facts = {"input_size": str(SIZE), "classes": "[]"}

    for name, given in (("first", facts), ("second", dict(reversed(facts.items())))):
        onnx_int8.write(tmp_path / name, model, given)

    content = (tmp_path / "first").read_bytes()
    assert (tmp_path / "second").read_bytes() == content
    assert b"netaug_core" not in content
    props = {prop.key: prop.value for prop in onnx.load(tmp_path / "first").metadata_props}
    assert props == facts


def test_a_classifier_gives_logits_for_any_number_of_images(tmp_path: Path) -> None:
    model = cases.quantised(own())
    onnx_int8.write(tmp_path / "model.onnx", model, {})
    (output,) = onnx.load(tmp_path / "model.onnx").graph.output

    sizes = [one.dim_param or one.dim_value for one in output.type.tensor_type.shape.dim]
    assert (output.name, sizes) == ("logits", ["batch", CLASSES])
    for count in (1, 3, int8_parity.BATCH + 1):
        images = cases.integers(model, cases.pictures(count, seed=6))
        (found,) = int8_parity.answers(tmp_path / "model.onnx", model, images)
        assert found.shape == (count, 1, 1, CLASSES)


def test_a_layer_with_other_weights_is_found(tmp_path: Path) -> None:
    model = cases.quantised(own())
    document = onnx_int8.build(model)
    for one in document.graph.initializer:
        if one.name == "blocks.2.project.weight.int8":
            values = numpy_helper.to_array(one).copy()
            values[0] = np.roll(values[0], 3)
            one.CopyFrom(numpy_helper.from_array(values, one.name))
    onnx.save(document, tmp_path / "model.onnx")
    images = cases.integers(model, cases.pictures(4, seed=5))

    layers = int8_parity.by_layer(tmp_path / "model.onnx", model, images)

    assert int8_parity.first_difference(layers) == "blocks.2.project"


def test_steps_are_counted_by_how_large_they_are() -> None:
    found = [np.array([1, 2, -128], np.int8), np.array([[5]], np.int8)]
    expected = [np.array([1, 3, 127], np.int8), np.array([[3]], np.int8)]

    assert Steps.between(found, expected) == Steps(equal=1, by_one=1, by_more=2, largest=255)
