"""Parameters, MACs and peak activation memory, counted from an architecture's table. Torch-free."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netaug_core.architectures import Architecture
from netaug_core.vocabulary import Block, Convolution, DepthwiseBlock

BYTES_PER_ACTIVATION = 1  # int8, the form in which a microcontroller runs these networks


@dataclass(frozen=True)
class Operation:
    """One convolution or linear layer, with what must be in memory while it runs.

    `held_elements` are activations that wait during this operation: a shortcut's, or those that
    squeeze-and-excitation will scale. Sums, scaling and activations are done in place.
    """

    name: str
    params: int
    macs: int
    in_elements: int
    out_elements: int
    held_elements: int = 0

    @property
    def live_bytes(self) -> int:
        return (self.in_elements + self.out_elements + self.held_elements) * BYTES_PER_ACTIVATION


@dataclass(frozen=True)
class Cost:
    """What the tiny network costs on a device.

    Attributes:
        params: weights and biases, batch normalisation's scale and shift included.
        macs: multiply-accumulates of convolutions and the classifier for one image.
        peak_activation_bytes: most bytes alive at one operation, int8: one byte an activation.
        peak_layer: the operation that holds that peak.
    """

    params: int
    macs: int
    peak_activation_bytes: int
    peak_layer: str


def measure(architecture: Architecture, input_size: int) -> Cost:
    """Cost of `architecture` on square images of `input_size` pixels."""
    return total(trace(architecture, input_size))


def total(trace: Iterable[Operation]) -> Cost:
    """Cost of all operations together."""
    operations = list(trace)
    peak = max(operations, key=lambda operation: operation.live_bytes)
    return Cost(
        params=sum(operation.params for operation in operations),
        macs=sum(operation.macs for operation in operations),
        peak_activation_bytes=peak.live_bytes,
        peak_layer=peak.name,
    )


def trace(architecture: Architecture, input_size: int) -> Iterator[Operation]:
    """The network's operations in the order they run. Names without weights: pool, average."""
    for operations in trunk(architecture, input_size):
        yield from operations
    layers, strides = architecture.layers(), architecture.strides()
    size, channels = strided(input_size, strides[-1]), architecture.trunk_channels
    if architecture.final is not None:
        yield convolution("", layers["final"], size)
        size, channels = strided(size, architecture.final.stride), architecture.final.out_channels
    yield Operation("average", 0, 0, channels * size**2, channels)
    if architecture.head is not None:
        yield convolution("", layers["head"], 1)
    features, classes = architecture.features, architecture.num_classes
    yield Operation("classifier", (features + 1) * classes, features * classes, features, classes)


def trunk(architecture: Architecture, input_size: int) -> Iterator[list[Operation]]:
    """The operations before the blocks, then those of each block."""
    size = strided(input_size, architecture.stem.stride)
    before = [convolution("", architecture.layers()["stem"], input_size)]
    if architecture.pool is not None:
        channels, pooled = architecture.stem.out_channels, strided(size, architecture.pool.stride)
        before.append(Operation("pool", 0, 0, channels * size**2, channels * pooled**2))
        size = pooled
    yield before
    for index, block in enumerate(architecture.blocks):
        yield list(_block(f"blocks.{index}.", block, size))
        size = strided(size, block.stride)


def strided(size: int, stride: int) -> int:
    """Side of a "same"-padded convolution's output."""
    return (size + stride - 1) // stride


def _block(prefix: str, block: Block, size: int) -> Iterator[Operation]:
    in_elements = block.in_channels * size**2
    out_size = strided(size, block.stride)
    # Every block but a depthwise one without shortcut needs its input to the end.
    keeps_input = not isinstance(block, DepthwiseBlock) or block.shortcut
    current = size
    for index, conv in enumerate(block.convolutions()):
        # The first convolution reads the block's input: it is counted once.
        held = in_elements if keeps_input and index > 0 else 0
        if conv.pooled:
            yield convolution(prefix, conv, 1, held + block.mid_channels * out_size**2)
        elif conv.name == "shortcut":
            yield convolution(prefix, conv, size, block.out_channels * out_size**2)
        else:
            yield convolution(prefix, conv, current, held)
            current = strided(current, conv.stride)


def convolution(prefix: str, conv: Convolution, size: int, held: int = 0) -> Operation:
    """What it costs; `size` is the side of its input, `held` what waits meanwhile."""
    out_size = strided(size, conv.stride)
    fan_in = (1 if conv.depthwise else conv.in_channels) * conv.kernel**2
    per_filter = fan_in + (2 if conv.norm else 1)  # scale and shift, or a bias
    return Operation(
        f"{prefix}{conv.name}",
        conv.out_channels * per_filter,
        conv.out_channels * fan_in * out_size**2,
        conv.in_channels * size**2,
        conv.out_channels * out_size**2,
        held,
    )
