"""Each integer kernel in C against the integer reference, bit for bit."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netaug_core.graph.operations import (
    IMAGE,
    Add,
    Average,
    Concat,
    Conv,
    Function,
    Graph,
    MaxPool,
    Operation,
    Scale,
    Shape,
    Upsample,
)
from netaug_core.quantized import reference
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    Numbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)
from tests.netaug_core.c_export import driving, models
from tests.netaug_core.c_export.driving import Driver

GENERATORS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
SIDES = st.integers(1, 9)
CHANNELS = st.integers(1, 40)
ZEROS = st.integers(-128, 127)
KERNELS = st.sampled_from([1, 3, 5, 7])
STRIDES = st.integers(1, 3)
ACTIVATIONS = st.sampled_from(["none", "relu", "relu6"])
IN_A_PROCESS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def model_of(
    operation: Operation, shapes: list[Shape], zeros: list[int], numbers: Numbers | None
) -> QuantizedModel:
    """One operation; `shapes` and `zeros` of its inputs and of its output."""
    names = (*operation.inputs, operation.name)
    graph = object.__new__(Graph)  # a whole graph would make the second input
    object.__setattr__(graph, "operations", (operation,))
    object.__setattr__(graph, "shapes", dict(zip(names, shapes, strict=True)))
    tensors = {name: Quantization(0.1, zero) for name, zero in zip(names, zeros, strict=True)}
    return QuantizedModel(graph, tensors, {} if numbers is None else {operation.name: numbers})


def strided(shape: Shape, stride: int, channels: int) -> Shape:
    return Shape(-(-shape.height // stride), -(-shape.width // stride), channels)


def values(generator: np.random.Generator, shape: Shape) -> np.ndarray:
    size = (1, shape.height, shape.width, shape.channels)
    return generator.integers(-128, 128, size).astype(np.int8)


def expected(model: QuantizedModel, *inputs: np.ndarray) -> list[int]:
    return reference.execute(model, model.graph.operations[0], list(inputs)).ravel().tolist()


def conv_model(
    conv: Conv, shape: Shape, out_channels: int, zeros: list[int], generator: np.random.Generator
) -> QuantizedModel:
    model = model_of(conv, [shape, strided(shape, conv.stride, out_channels)], zeros, None)
    numbers = models.conv_numbers(model.graph, conv, zeros[1], generator)
    return replace(model, numbers={conv.name: numbers})


@IN_A_PROCESS
@given(GENERATORS, SIDES, SIDES, CHANNELS, CHANNELS, KERNELS, STRIDES, ZEROS, ZEROS, ACTIVATIONS)
def test_a_convolution_is_the_references(
    driver: Driver,
    generator: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    out_channels: int,
    kernel: int,
    stride: int,
    in_zero: int,
    out_zero: int,
    activation: Function,
) -> None:
    conv = Conv(
        name="out",
        inputs=(IMAGE,),
        kernel=kernel,
        stride=stride,
        depthwise=False,
        activation=activation,
    )
    shape = Shape(height, width, channels)
    model = conv_model(conv, shape, out_channels, [in_zero, out_zero], generator)
    assert_convolution(driver, model, values(generator, shape))


@IN_A_PROCESS
@given(GENERATORS, SIDES, SIDES, CHANNELS, KERNELS, STRIDES, ZEROS, ZEROS, ACTIVATIONS)
def test_a_depthwise_convolution_is_the_references(
    driver: Driver,
    generator: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    kernel: int,
    stride: int,
    in_zero: int,
    out_zero: int,
    activation: Function,
) -> None:
    conv = Conv(
        name="out",
        inputs=(IMAGE,),
        kernel=kernel,
        stride=stride,
        depthwise=True,
        activation=activation,
    )
    shape = Shape(height, width, channels)
    model = conv_model(conv, shape, channels, [in_zero, out_zero], generator)
    assert_convolution(driver, model, values(generator, shape))


def assert_convolution(driver: Driver, model: QuantizedModel, image: np.ndarray) -> None:
    """`conv` serves kernels of 1 as well: it is asked, too."""
    conv = model.graph.operations[0]
    assert isinstance(conv, Conv)
    numbers = model.numbers["out"]
    header = driving.shapes(model) | {6: conv.kernel, 7: conv.stride} | driving.zeros(model)
    header |= driving.bounds(numbers.low, numbers.high)
    arrays = driving.conv_arrays(model, conv, image)
    wanted = expected(model, image)

    kernels = "d" if conv.depthwise else "c1" if conv.kernel == 1 else "c"
    for kernel in kernels:
        assert driver.run(kernel, header, arrays, len(wanted)) == wanted


@IN_A_PROCESS
@given(GENERATORS, SIDES, SIDES, CHANNELS, st.sampled_from([3, 5]), STRIDES)
def test_a_max_pool_is_the_references(
    driver: Driver,
    generator: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    kernel: int,
    stride: int,
) -> None:
    pool = MaxPool(name="out", inputs=(IMAGE,), kernel=kernel, stride=stride)
    shape = Shape(height, width, channels)
    model = model_of(pool, [shape, strided(shape, stride, channels)], [3, 3], None)
    image = values(generator, shape)
    wanted = expected(model, image)

    header = driving.shapes(model) | {6: kernel, 7: stride}
    assert driver.run("p", header, [image], len(wanted)) == wanted


@IN_A_PROCESS
@given(GENERATORS, SIDES, SIDES, CHANNELS, ZEROS, ZEROS)
def test_an_average_is_the_references(
    driver: Driver,
    generator: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    in_zero: int,
    out_zero: int,
) -> None:
    average = Average(name="out", inputs=(IMAGE,))
    shape = Shape(height, width, channels)
    factor = models.a_multiplier(generator)
    zeros = [in_zero, out_zero]
    model = model_of(average, [shape, Shape(1, 1, channels)], zeros, AverageNumbers(factor))
    image = values(generator, shape)
    wanted = expected(model, image)

    header = driving.shapes(model) | driving.zeros(model) | driving.factors(factor)
    assert driver.run("v", header, [image], len(wanted)) == wanted


@IN_A_PROCESS
@given(GENERATORS, st.integers(1, 500), ZEROS, ZEROS, ZEROS, st.integers(-128, 0))
def test_a_sum_in_place_is_the_references(
    driver: Driver,
    generator: np.random.Generator,
    elements: int,
    first_zero: int,
    second_zero: int,
    out_zero: int,
    low: int,
) -> None:
    add = Add(name="out", inputs=("a", "b"), activation="none")
    numbers = AddNumbers(
        first=models.a_multiplier(generator, 0.5),
        second=models.a_multiplier(generator, 0.5),
        output=models.a_multiplier(generator, 1e-5),
        low=low,
        high=90,
    )
    shape = Shape(1, 1, elements)
    model = model_of(add, [shape] * 3, [first_zero, second_zero, out_zero], numbers)
    first, second = values(generator, shape), values(generator, shape)
    wanted = expected(model, first, second)

    header = {0: elements, 7: second_zero} | driving.zeros(model) | driving.bounds(low, 90)
    header |= driving.factors(numbers.first, numbers.second, numbers.output)
    assert driver.run("a", header, [first, second], elements) == wanted


@IN_A_PROCESS
@given(GENERATORS, SIDES, SIDES, CHANNELS, ZEROS, ZEROS, ZEROS)
def test_a_map_scaled_in_place_is_the_references(
    driver: Driver,
    generator: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    in_zero: int,
    share_zero: int,
    out_zero: int,
) -> None:
    scale = Scale(name="out", inputs=("a", "b"))
    factor = models.a_multiplier(generator)
    shapes = [Shape(height, width, channels), Shape(1, 1, channels), Shape(height, width, channels)]
    model = model_of(scale, shapes, [in_zero, share_zero, out_zero], ScaleNumbers(factor))
    image, share = values(generator, shapes[0]), values(generator, shapes[1])
    wanted = expected(model, image, share)

    header = driving.shapes(model) | {7: share_zero} | driving.zeros(model)
    assert driver.run("s", header | driving.factors(factor), [image, share], len(wanted)) == wanted


@IN_A_PROCESS
@given(GENERATORS, SIDES, SIDES, CHANNELS, CHANNELS)
def test_maps_are_enlarged_and_joined_as_in_the_reference(
    driver: Driver,
    generator: np.random.Generator,
    height: int,
    width: int,
    channels: int,
    others: int,
) -> None:
    small, other = Shape(height, width, channels), Shape(height, width, others)
    large = Shape(2 * height, 2 * width, channels)
    both = Shape(height, width, channels + others)
    enlarging = model_of(Upsample(name="out", inputs=("a",)), [small, large], [0, 0], None)
    joining = model_of(Concat(name="out", inputs=("a", "b")), [small, other, both], [0] * 3, None)
    image, tap = values(generator, small), values(generator, other)

    enlarged = driver.run("u", driving.shapes(enlarging), [image], large.elements)
    joined = driver.run(
        "n", {0: height, 1: width, 2: channels, 3: others}, [image, tap], both.elements
    )

    assert enlarged == expected(enlarging, image)
    assert joined == expected(joining, image, tap)


def test_a_table_is_looked_up(driver: Driver) -> None:
    every = np.arange(-128, 128).astype(np.int8)
    table = every[::-1].copy()

    assert driver.run("t", {0: 256}, [every, table], 256) == table.tolist()
