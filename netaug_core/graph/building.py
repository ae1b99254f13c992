"""The graph of a network, from its table."""

from collections.abc import Sequence

from netaug_core import vocabulary
from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector, Level
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
from netaug_core.vocabulary import Block, Convolution, strided


def of_table(table: Architecture | Detector, input_size: int) -> Graph:
    """The graph of a network of either task on square images of `input_size` pixels.

    Raises:
        ValueError: a detector's levels do not fit together at this size.
    """
    if isinstance(table, Detector):
        return _of_detector(table, input_size)
    return _of_classifier(table, input_size)


def _of_classifier(architecture: Architecture, input_size: int) -> Graph:
    building = _Building(input_size, architecture.in_channels)
    *_, last = _trunk(building, architecture)
    layers = architecture.layers()
    if "final" in layers:
        last = building.convolve("", layers["final"], last)
    last = building.average("average", last)
    if "head" in layers:
        last = building.convolve("", layers["head"], last)
    classifier = Convolution(
        name="classifier",
        in_channels=architecture.features,
        out_channels=architecture.num_classes,
        norm=False,
    )
    return building.graph(building.convolve("", classifier, last))


def _of_detector(detector: Detector, input_size: int) -> Graph:
    detector.grids(input_size)  # raises if they do not fit
    building = _Building(input_size, detector.in_channels)
    _, *taps = _trunk(building, detector.backbone)
    outputs: list[str] = []
    features = ""  # of the level before
    for index, level in enumerate(detector.levels):
        prefix = f"levels.{index}."
        features = _features(building, prefix, level, features, taps)
        outputs += [
            building.chain(f"{prefix}heads.{head.name}.", head.convolutions, features)
            for head in level.heads
        ]
    return building.graph(*outputs)


def _trunk(building: "_Building", architecture: Architecture) -> list[str]:
    """Runs stem, pool and blocks; the tensors before the blocks and after each of them."""
    last = building.convolve("", architecture.layers()["stem"], IMAGE)
    if architecture.pool is not None:
        last = building.max_pool("pool", architecture.pool, last)
    made = [last]
    for index, block in enumerate(architecture.blocks):
        made.append(_block(building, f"blocks.{index}.", block, made[-1]))
    return made


def _features(
    building: "_Building", prefix: str, level: Level, before: str, taps: list[str]
) -> str:
    """What a level's heads read."""
    entered = building.chain(f"{prefix}entry.", level.entry, before) if level.entry else None
    if level.tap is None:
        assert entered is not None  # noqa: S101  # for mypy: a table without either is refused
        return building.chain(f"{prefix}neck.", level.neck, entered)
    tap = taps[level.tap]
    if entered is not None:
        tap = building.join(prefix, entered, tap)
    return building.chain(f"{prefix}neck.", level.neck, tap)


def _block(building: "_Building", prefix: str, block: Block, inputs: str) -> str:
    if isinstance(block, vocabulary.DepthwiseBlock):
        return _depthwise_block(building, prefix, block, inputs)
    layers = block.convolutions()
    chain = [conv for conv in layers if conv.name != "shortcut"]
    features = building.chain(prefix, chain, inputs)
    shortcut = inputs
    if block.projection:
        shortcut = building.convolve(prefix, layers[-1], inputs)
    return building.add(f"{prefix}add", features, shortcut, block.activation)


def _depthwise_block(
    building: "_Building", prefix: str, block: vocabulary.DepthwiseBlock, inputs: str
) -> str:
    features = inputs
    share = ""
    for conv in block.convolutions():
        if conv.name == "squeeze":
            average = building.average(f"{prefix}average", features)
            share = building.convolve(prefix, conv, average)
        elif conv.name == "excite":
            share = building.convolve(prefix, conv, share)
            features = building.scale(f"{prefix}scale", features, share)
        else:
            features = building.convolve(prefix, conv, features)
    return building.add(f"{prefix}add", features, inputs, "none") if block.shortcut else features


class _Building:
    """The operations so far, and the shapes of what they make."""

    def __init__(self, input_size: int, in_channels: int) -> None:
        self._operations: list[Operation] = []
        self._shapes = {IMAGE: Shape(input_size, input_size, in_channels)}

    def graph(self, *outputs: str) -> Graph:
        return Graph(tuple(self._operations), dict(self._shapes), outputs)

    def chain(self, prefix: str, convolutions: Sequence[Convolution], inputs: str) -> str:
        for conv in convolutions:
            inputs = self.convolve(prefix, conv, inputs)
        return inputs

    def convolve(self, prefix: str, conv: Convolution, inputs: str) -> str:
        operation = Conv(
            name=f"{prefix}{conv.name}",
            inputs=(inputs,),
            kernel=conv.kernel,
            stride=conv.stride,
            depthwise=conv.depthwise,
            activation=conv.activation,
        )
        return self._make(operation, self._strided(inputs, conv.stride, conv.out_channels))

    def max_pool(self, name: str, table: vocabulary.PoolLayer, inputs: str) -> str:
        operation = MaxPool(name=name, inputs=(inputs,), kernel=table.kernel, stride=table.stride)
        channels = self._shapes[inputs].channels
        return self._make(operation, self._strided(inputs, table.stride, channels))

    def average(self, name: str, inputs: str) -> str:
        channels = self._shapes[inputs].channels
        return self._make(Average(name=name, inputs=(inputs,)), Shape(1, 1, channels))

    def add(self, name: str, features: str, shortcut: str, activation: Function) -> str:
        operation = Add(name=name, inputs=(features, shortcut), activation=activation)
        return self._make(operation, self._shapes[features])

    def scale(self, name: str, features: str, share: str) -> str:
        return self._make(Scale(name=name, inputs=(features, share)), self._shapes[features])

    def join(self, prefix: str, entered: str, tap: str) -> str:
        """A level's two inputs, the first one enlarged."""
        small, tapped = self._shapes[entered], self._shapes[tap]
        doubled = Shape(2 * small.height, 2 * small.width, small.channels)
        enlarged = self._make(Upsample(name=f"{prefix}upsample", inputs=(entered,)), doubled)
        both = Shape(tapped.height, tapped.width, doubled.channels + tapped.channels)
        return self._make(Concat(name=f"{prefix}concat", inputs=(enlarged, tap)), both)

    def _strided(self, inputs: str, stride: int, channels: int) -> Shape:
        before = self._shapes[inputs]
        return Shape(strided(before.height, stride), strided(before.width, stride), channels)

    def _make(self, operation: Operation, shape: Shape) -> str:
        self._operations.append(operation)
        self._shapes[operation.name] = shape
        return operation.name
