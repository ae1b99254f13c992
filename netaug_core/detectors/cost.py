"""What a detector costs on a device, counted from its table. Torch-free.

Decoding and suppression are not counted: they run outside the network.
"""

from collections.abc import Iterator
from dataclasses import replace

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.cost import Cost, Operation
from netaug_core.detectors.table import Detector, Level
from netaug_core.vocabulary import Convolution


def measure(detector: Detector, input_size: int) -> Cost:
    """Cost on square images of `input_size` pixels.

    Raises:
        ValueError: the levels do not fit together at this size.
    """
    return cost.total(trace(detector, input_size))


def of_table(table: Architecture | Detector, input_size: int) -> Cost:
    """Cost of a network of either task; see `measure`."""
    if isinstance(table, Detector):
        return measure(table, input_size)
    return cost.measure(table, input_size)


def trace(detector: Detector, input_size: int) -> Iterator[Operation]:
    """The operations in the order they run; what waits for a later one is held meanwhile.

    Raises:
        ValueError: as in `measure`.
    """
    grids = detector.grids(input_size)
    sizes = {
        level.tap: detector.tap_channels(level) * side**2
        for level, side in zip(detector.levels, grids, strict=True)
        if level.tap is not None
    }
    waiting = 0
    for index, operations in enumerate(cost.trunk(detector.backbone, input_size), start=-1):
        yield from _holding(operations, waiting)
        waiting += sizes.get(index, 0)
    before = 0  # side of the level before
    for index, (level, side) in enumerate(zip(detector.levels, grids, strict=True)):
        operations = list(_enter(f"levels.{index}.", level, before, side))
        yield from _holding(operations, waiting)
        waiting -= sizes.get(level.tap, 0) if level.tap is not None else 0
        is_last = level is detector.levels[-1]
        for operation in _predict(f"levels.{index}.", level, side, is_last=is_last):
            yield replace(operation, held_elements=operation.held_elements + waiting)
            if operation.name.endswith(".predict"):
                waiting += operation.out_elements  # the answers stay until all are there
        before = side


def _enter(prefix: str, level: Level, before: int, side: int) -> Iterator[Operation]:
    """From the level before; the tap waits."""
    yield from _chain(f"{prefix}entry.", level.entry, before)
    if level.is_joined:
        channels = level.entry[-1].out_channels
        yield Operation(f"{prefix}upsample", 0, 0, channels * before**2, channels * side**2)


def _predict(prefix: str, level: Level, side: int, *, is_last: bool) -> Iterator[Operation]:
    yield from _chain(f"{prefix}neck.", level.neck, side)
    for head in level.heads:
        is_read_again = not (is_last and head is level.heads[-1])
        features = head.convolutions[0].in_channels * side**2
        for conv in head.convolutions:
            # The first convolution reads the features: they are counted once.
            is_first = conv is head.convolutions[0]
            held = features if is_read_again and not is_first else 0
            yield cost.convolution(f"{prefix}heads.{head.name}.", conv, side, held)


def _chain(prefix: str, convolutions: tuple[Convolution, ...], side: int) -> Iterator[Operation]:
    for conv in convolutions:
        yield cost.convolution(prefix, conv, side)
        side = cost.strided(side, conv.stride)


def _holding(operations: list[Operation], waiting: int) -> Iterator[Operation]:
    for operation in operations:
        yield replace(operation, held_elements=operation.held_elements + waiting)
