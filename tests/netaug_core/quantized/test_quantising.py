"""Integers that stand for a network: what they compute, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.detectors.table import Detector
from netaug_core.errors import NotQuantizable
from netaug_core.export import folding
from netaug_core.graph import execution
from netaug_core.graph.folded import FoldedConv, FoldedModel
from netaug_core.graph.operations import Add, Concat, Conv, MaxPool, Upsample
from netaug_core.quantized import calibration, quantising, reference, rewriting, tables, tensors
from netaug_core.quantized.calibration import CalibrationUnusable
from netaug_core.quantized.choosing import RangeChoice
from netaug_core.quantized.model import AddNumbers, ConvNumbers, Quantization
from netaug_core.quantized.ranges import Range
from netaug_core.sections.network import NetworkSpec
from tests.netaug_core import detector_tables, trained
from tests.netaug_core.detector_tables import DETECTORS
from tests.netaug_core.networks import CLASSES, each_network, own, small
from tests.netaug_core.quantized import cases

SWISHING = {
    "stem": {"out_channels": 6, "stride": 2},
    "blocks": [
        {"type": "basic", "out_channels": 8, "mid_channels": 9, "activation": "h_swish"},
        {"type": "bottleneck", "out_channels": 8, "mid_channels": 5, "activation": "relu6"},
    ],
}


def swishing() -> Architecture:
    options = ModelOptions(num_classes=CLASSES)
    return NetworkSpec.model_validate(SWISHING).architecture("custom", options)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(((found - expected) ** 2).mean()) / expected.std())


@pytest.mark.parametrize("choice", ["min_max", "percentile", "mse"])
@each_network
def test_the_integers_say_what_the_network_says(network: Architecture, choice: RangeChoice) -> None:
    pictures = cases.pictures(32, seed=2)
    model = cases.quantised(network, choice)

    (found,) = reference.answers(model, cases.integers(model, pictures))

    (expected,) = execution.answers(cases.folded(network), cases.floats(pictures))
    # Eight bits have steps of 0.4 % of a range; the deepest of these networks adds up 53 layers.
    assert relative_error(cases.real(model, "classifier", found), expected) < 0.06


@pytest.mark.parametrize("name", ["yolov3-mobilenet_v3", "ssdlite-mobilenet_v2", "yolov3-custom"])
def test_the_integers_say_what_the_detector_says(name: str) -> None:
    detector: Detector = DETECTORS[name]
    size = detector_tables.SIZE
    folded = folding.fold(trained.detector(detector), size)
    model = quantising.quantise(folded, cases.calibration(size=size), "min_max")
    pictures = cases.pictures(8, seed=2, size=size)

    found = reference.answers(model, cases.integers(model, pictures))

    expected = execution.answers(folded, cases.floats(pictures))
    for output, ours, theirs in zip(model.graph.outputs, found, expected, strict=True):
        assert relative_error(cases.real(model, output, ours), theirs) < 0.06


def test_what_moves_bytes_has_one_quantisation_with_what_it_reads() -> None:
    size = detector_tables.SIZE
    folded = folding.fold(trained.detector(DETECTORS["yolov3-custom"]), size)

    model = quantising.quantise(folded, cases.calibration(size=size), "min_max")

    movers = [one for one in model.graph.operations if isinstance(one, MaxPool | Upsample | Concat)]
    assert {type(one) for one in movers} == {MaxPool, Upsample, Concat}
    for one in movers:
        for name in one.inputs:
            assert model.tensors[name] == model.tensors[one.name]
    relu = next(one for one in model.graph.operations if one.name == "stem")
    numbers = model.numbers[relu.name]
    assert isinstance(numbers, ConvNumbers)
    assert numbers.low == model.tensors["stem"].zero_point


def test_a_sum_with_an_activation_by_table_becomes_a_sum_and_a_convolution() -> None:
    model = cases.folded(swishing())
    pictures = cases.floats(cases.pictures(4, seed=3))

    rewritten = rewriting.with_activations_in_convolutions(model)

    before, after = (execution.run(one, pictures) for one in (model, rewritten))
    assert {name: after[name].tolist() for name in before} == {
        name: values.tolist() for name, values in before.items()
    }
    kinds = {one.name: one for one in rewritten.graph.operations}
    assert isinstance(kinds["blocks.0.add.sum"], Add)
    assert isinstance(kinds["blocks.0.add"], Conv)
    assert isinstance(kinds["blocks.1.add"], Add)


def test_h_swish_after_a_sum_is_quantised() -> None:
    model = cases.quantised(swishing())
    pictures = cases.pictures(32, seed=2)

    found = reference.run(model, cases.integers(model, pictures))

    expected = execution.run(cases.folded(swishing()), cases.floats(pictures))
    for name in ("blocks.0.add", "blocks.1.add", "classifier"):
        assert relative_error(cases.real(model, name, found[name]), expected[name]) < 0.03
    numbers = model.numbers["blocks.1.add"]
    assert isinstance(numbers, AddNumbers)
    assert (numbers.low, numbers.high) == tensors.clamps("relu6", model.tensors["blocks.1.add"])


@pytest.mark.parametrize(
    ("function", "expected"),
    [("none", (-128, 127)), ("relu", (-28, 127)), ("relu6", (-28, 32)), ("h_swish", (-128, 127))],
)
def test_a_clamp_is_the_integer_of_its_number(function: str, expected: tuple[int, int]) -> None:
    assert tensors.clamps(function, Quantization(0.1, -28)) == expected  # type: ignore[arg-type]  # a literal


def test_a_bound_that_no_integer_reaches_is_the_largest() -> None:
    assert tensors.clamps("relu6", Quantization(0.01, 0)) == (0, 127)


@pytest.mark.parametrize("function", ["h_swish", "h_sigmoid"])
@given(st.floats(0.001, 0.2), st.integers(-128, 127), st.floats(0.001, 0.2), st.integers(-128, 127))
def test_a_table_is_the_activation_of_every_integer(
    function: str, scale: float, zero: int, out_scale: float, out_zero: int
) -> None:
    before, after = Quantization(scale, zero), Quantization(out_scale, out_zero)

    found = tables.table(function, before, after)  # type: ignore[arg-type]  # a literal

    for q, value in zip(range(-128, 128), found.tolist(), strict=True):
        real = scale * (q - zero)
        share = min(max(real + 3, 0), 6) / 6
        exact = (share if function == "h_sigmoid" else real * share) / out_scale + out_zero
        assert abs(value - min(max(exact, -128), 127)) <= 0.5 + 1e-9


def test_what_goes_into_a_table_is_finest_where_it_matters() -> None:
    conv = Conv(
        name="x", inputs=("image",), kernel=1, stride=1, depthwise=False, activation="h_swish"
    )

    found = tensors.before(conv, {"x": Range(-50.0, 9.75)})

    assert found.scale == pytest.approx(12.75 / 255)


def test_the_networks_answers_are_never_cut_off() -> None:
    size = detector_tables.SIZE
    model = folding.fold(trained.detector(DETECTORS["ssdlite-custom"]), size)
    pictures = cases.calibration(size=size)

    ranges = calibration.measure(model, pictures, "percentile")

    made = execution.run(model, pictures.images)
    for name in model.graph.outputs:
        assert ranges.tensors[name].high == pytest.approx(made[name].max())
    assert ranges.tensors["blocks.0.project"].high < made["blocks.0.project"].max()


def test_the_same_pictures_give_the_same_integers() -> None:
    first, second = cases.quantised(own(), "mse"), cases.quantised(own(), "mse")

    assert first.tensors == second.tensors
    for name, numbers in first.numbers.items():
        other = second.numbers[name]
        for field, value in vars(numbers).items():
            assert np.array_equal(value, getattr(other, field))


def test_too_few_pictures_to_calibrate_on_are_refused() -> None:
    with pytest.raises(CalibrationUnusable, match=r"at least 16 training pictures.* there are 15"):
        replace(cases.calibration(), images=cases.calibration().images[:15])


def test_pictures_of_one_class_are_refused_unless_there_is_but_one() -> None:
    pictures = cases.calibration()
    alone = np.full(32, 3)

    with pytest.raises(CalibrationUnusable, match="all of one class, of 5: raise"):
        replace(pictures, labels=alone)

    assert replace(pictures, labels=alone, num_classes=1)


def changed(model: FoldedModel, name: str, factor: float) -> FoldedModel:
    conv = model.convolutions[name]
    other = FoldedConv(conv.weights * np.float32(factor), conv.bias)
    return FoldedModel(model.graph, {**model.convolutions, name: other})


def test_a_layer_whose_values_are_not_finite_is_refused_by_its_name() -> None:
    model = changed(cases.folded(own()), "blocks.1.project", 1e38)

    with (
        np.errstate(all="ignore"),
        pytest.raises(NotQuantizable, match=r"blocks\.1\.project has values on training pictures"),
    ):
        quantising.quantise(model, cases.calibration(), "min_max")


def test_a_layer_that_32_bits_cannot_add_up_is_refused_by_its_name() -> None:
    model = cases.folded(small("mobilenet_v2"))
    ranges = calibration.measure(model, cases.calibration(), "min_max")
    narrow = replace(ranges, tensors={**ranges.tensors, "stem": Range(0.0, 1e-10)})

    with pytest.raises(NotQuantizable, match=r"^stem can add up to .* a larger range$"):
        quantising.from_ranges(model, narrow)


def test_a_factor_that_no_multiplier_has_is_refused_by_its_layers_name() -> None:
    model = cases.folded(small("mobilenet_v2"))
    ranges = calibration.measure(model, cases.calibration(), "min_max")
    narrow = replace(ranges, tensors={**ranges.tensors, "stem": Range(0.0, 1e-30)})

    with pytest.raises(NotQuantizable, match=r"^stem: a factor must be below 2\*\*30"):
        quantising.from_ranges(model, narrow)


def test_a_network_with_a_dead_layer_can_be_quantised() -> None:
    model = changed(cases.folded(small("mobilenet_v3")), "blocks.3.squeeze", 0.0)
    conv = model.convolutions["blocks.3.squeeze"]
    dead = FoldedConv(conv.weights, np.full_like(conv.bias, -1.0))
    model = FoldedModel(model.graph, {**model.convolutions, "blocks.3.squeeze": dead})

    quantized = quantising.quantise(model, cases.calibration(), "mse")

    pictures = cases.pictures(32, seed=2)
    found = reference.run(quantized, cases.integers(quantized, pictures))
    assert not cases.real(quantized, "blocks.3.squeeze", found["blocks.3.squeeze"]).any()
    (expected,) = execution.answers(model, cases.floats(pictures))
    assert relative_error(cases.real(quantized, "classifier", found["classifier"]), expected) < 0.06
