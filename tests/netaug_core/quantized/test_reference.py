"""The integer reference against a loop over single numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netaug_core.graph.operations import (
    IMAGE,
    Add,
    Average,
    Concat,
    Conv,
    Graph,
    MaxPool,
    Operation,
    Scale,
    Shape,
    Upsample,
)
from netaug_core.quantized import bounds, convolving, kernels, reference
from netaug_core.quantized.fixed_point import multiplier
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Numbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)
from tests.netaug_core.quantized import scalar

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(1, 7)
CHANNELS = st.integers(1, 5)
KERNELS = st.sampled_from([1, 3, 5])
STRIDES = st.integers(1, 3)
ZEROS = st.integers(-128, 127)
FACTORS = st.floats(1e-5, 2.0)


def integers(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.integers(-128, 128, shape).astype(np.int8)


def one_operation(
    operation: Operation, shapes: dict[str, Shape], zeros: list[int], numbers: Numbers | None
) -> QuantizedModel:
    """A model of one operation; what it reads besides the image is only stated."""
    tensors = {name: Quantization(0.1, zero) for name, zero in zip(shapes, zeros, strict=True)}
    # A graph makes what it reads: here the operation is run by itself.
    graph = object.__new__(Graph)
    for name, value in (("operations", (operation,)), ("shapes", shapes), ("outputs", ("out",))):
        object.__setattr__(graph, name, value)
    return QuantizedModel(graph, tensors, {} if numbers is None else {"out": numbers})


def assert_as_the_loop(model: QuantizedModel, inputs: list[np.ndarray]) -> None:
    operation = model.graph.operations[0]

    bounds.check(model)
    found = kernels.execute(model, operation, inputs)

    assert found.dtype == np.int8
    assert found.tolist() == scalar.execute(model, operation, inputs).tolist()


def conv_numbers(
    generator: np.random.Generator, weight_shape: tuple[int, ...], real: float, zero: int
) -> ConvNumbers:
    out = weight_shape[0]
    factors = [multiplier(real * generator.uniform(0.5, 1.0)) for _ in range(out)]
    low = int(generator.integers(-128, 0))
    return ConvNumbers(
        weights=generator.integers(-127, 128, weight_shape).astype(np.int8),
        bias=generator.integers(-(2**16), 2**16, out).astype(np.int32),
        mantissas=np.array([f.mantissa for f in factors], np.int32),
        shifts=np.array([f.shift for f in factors], np.int32),
        zero_point=zero,
        low=low,
        high=int(generator.integers(low, 128)),
        table=integers(generator, 256) if generator.random() < 0.5 else None,
    )


@settings(max_examples=60)
@given(
    SEEDS, SIDES, SIDES, CHANNELS, CHANNELS, KERNELS, STRIDES, st.booleans(), ZEROS, ZEROS, FACTORS
)
def test_a_convolution(  # type: ignore[no-untyped-def]
    seed, height, width, channels, out, kernel, stride, depthwise, zero, out_zero, real
) -> None:
    generator = np.random.default_rng(seed)
    out = channels if depthwise else out
    conv = Conv(
        name="out", inputs=(IMAGE,), kernel=kernel, stride=stride, depthwise=depthwise,
        activation="none",
    )  # fmt: skip
    shapes = {
        IMAGE: Shape(height, width, channels),
        "out": Shape(-(-height // stride), -(-width // stride), out),
    }
    fan_in = 1 if depthwise else channels
    numbers = conv_numbers(generator, (out, kernel, kernel, fan_in), real / 64, out_zero)
    model = one_operation(conv, shapes, [zero, out_zero], numbers)

    assert_as_the_loop(model, [integers(generator, 2, height, width, channels)])


def test_sums_beyond_what_float32_counts_are_exact() -> None:
    generator = np.random.default_rng(0)
    conv = Conv(name="out", inputs=(IMAGE,), kernel=1, stride=1, depthwise=False, activation="none")
    weights = generator.integers(125, 128, (3, 1, 1, 900)).astype(np.int8)
    images = generator.integers(240, 256, (1, 5, 5, 900)).astype(np.int32)
    exact = np.einsum("nhwi,oi->nhwo", images.astype(np.int64), weights[:, 0, 0].astype(np.int64))

    found = convolving.sums(images, weights, conv, largest=900 * 127 * 255)

    assert exact.min() > convolving.EXACT_IN_FLOAT32
    assert found.tolist() == exact.tolist()


@given(SEEDS, SIDES, SIDES, CHANNELS, KERNELS, STRIDES)
def test_a_maximum(seed, height, width, channels, kernel, stride) -> None:  # type: ignore[no-untyped-def]
    pool = MaxPool(name="out", inputs=(IMAGE,), kernel=kernel, stride=stride)
    shapes = {
        IMAGE: Shape(height, width, channels),
        "out": Shape(-(-height // stride), -(-width // stride), channels),
    }
    model = one_operation(pool, shapes, [5, 5], None)

    images = integers(np.random.default_rng(seed), 2, height, width, channels)
    assert_as_the_loop(model, [images])


@given(SEEDS, SIDES, SIDES, CHANNELS, ZEROS, ZEROS, FACTORS)
def test_an_average(seed, height, width, channels, zero, out_zero, real) -> None:  # type: ignore[no-untyped-def]
    average = Average(name="out", inputs=(IMAGE,))
    shapes = {IMAGE: Shape(height, width, channels), "out": Shape(1, 1, channels)}
    numbers = AverageNumbers(multiplier(real / (height * width)))
    model = one_operation(average, shapes, [zero, out_zero], numbers)

    images = integers(np.random.default_rng(seed), 2, height, width, channels)
    assert_as_the_loop(model, [images])


@given(SEEDS, st.tuples(ZEROS, ZEROS, ZEROS), st.floats(1e-3, 0.5), st.floats(1e-3, 0.5), FACTORS)
def test_a_sum(seed, zeros, first, second, output) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    add = Add(name="out", inputs=("a", "b"), activation="none")
    shapes = {name: Shape(3, 2, 4) for name in ("a", "b", "out")}
    low = int(generator.integers(-128, 127))
    numbers = AddNumbers(
        first=multiplier(first),
        second=multiplier(second),
        output=multiplier(output * 2**-20),
        low=low,
        high=int(generator.integers(low, 128)),
    )
    model = one_operation(add, shapes, list(zeros), numbers)

    assert_as_the_loop(model, [integers(generator, 2, 3, 2, 4), integers(generator, 2, 3, 2, 4)])


@given(SEEDS, st.tuples(ZEROS, ZEROS, ZEROS), FACTORS)
def test_a_share(seed, zeros, real) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    scale = Scale(name="out", inputs=("a", "b"))
    shapes = {"a": Shape(3, 2, 4), "b": Shape(1, 1, 4), "out": Shape(3, 2, 4)}
    model = one_operation(scale, shapes, list(zeros), ScaleNumbers(multiplier(real / 128)))

    assert_as_the_loop(model, [integers(generator, 2, 3, 2, 4), integers(generator, 2, 1, 1, 4)])


def moves_bytes() -> QuantizedModel:
    """A map, enlarged, beside itself, maximum of 3 x 3 pixels."""
    operations = (
        Upsample(name="large", inputs=(IMAGE,)),
        Concat(name="both", inputs=("large", "large")),
        MaxPool(name="most", inputs=("both",), kernel=3, stride=2),
    )
    shapes = {
        IMAGE: Shape(2, 2, 1),
        "large": Shape(4, 4, 1),
        "both": Shape(4, 4, 2),
        "most": Shape(2, 2, 2),
    }
    graph = Graph(operations, shapes, ("both", "most"))
    return QuantizedModel(graph, dict.fromkeys(shapes, Quantization(1.0, 0)), {})


def test_bytes_are_moved() -> None:
    images = np.array([[[[1], [-2]], [[3], [4]]]], np.int8)

    both, most = reference.answers(moves_bytes(), images)

    assert both[0, :, :, 0].tolist() == [[1, 1, -2, -2], [1, 1, -2, -2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert both[0, :, :, 1].tolist() == both[0, :, :, 0].tolist()
    assert most[0, :, :, 0].tolist() == [[1, 1], [3, 4]]


def test_more_images_than_are_computed_at_a_time_keep_their_order() -> None:
    images = integers(np.random.default_rng(0), 2 * reference.CHUNK + 3, 2, 2, 1)

    made = reference.run(moves_bytes(), images)

    assert set(made) == {IMAGE, "large", "both", "most"}
    assert np.array_equal(made[IMAGE], images)
    assert np.array_equal(made["large"][:, ::2, ::2], images)
    assert np.array_equal(reference.answers(moves_bytes(), images)[1], made["most"])


def test_an_accumulator_that_32_bits_cannot_hold_is_refused_by_its_layers_name() -> None:
    conv = Conv(name="out", inputs=(IMAGE,), kernel=1, stride=1, depthwise=False, activation="none")
    shapes = {IMAGE: Shape(1, 1, 1), "out": Shape(1, 1, 1)}
    numbers = ConvNumbers(
        weights=np.full((1, 1, 1, 1), 100, np.int8),
        bias=np.array([2**31 - 1 - 25500], np.int32),
        mantissas=np.array([2**30], np.int32),
        shifts=np.array([-20], np.int32),
        zero_point=0,
    )
    images = np.zeros((1, 1, 1, 1), np.int8)
    graph = Graph((conv,), shapes, ("out",))
    tensors = {IMAGE: Quantization(1.0, -128), "out": Quantization(1.0, 0)}

    reference.answers(QuantizedModel(graph, tensors, {"out": numbers}), images)

    larger = replace(numbers, bias=numbers.bias + np.int32(1))
    with pytest.raises(bounds.AccumulatorOverflow, match=r"out can add up to 2,147,483,648"):
        reference.answers(QuantizedModel(graph, tensors, {"out": larger}), images)
