"""Parameters, MACs and peak activation memory, counted from an architecture's table. Torch-free."""

from collections.abc import Iterator
from dataclasses import dataclass

from netaug_core.architectures import Architecture, ConvLayer, InvertedBlock, SeparableBlock

BYTES_PER_ACTIVATION = 1  # int8, the form in which a microcontroller runs these networks


@dataclass(frozen=True)
class Operation:
    """One convolution or linear layer, with what must be in memory while it runs.

    `held_elements` are activations of a shortcut that wait during this operation.
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
    operations = list(trace(architecture, input_size))
    peak = max(operations, key=lambda operation: operation.live_bytes)
    return Cost(
        params=sum(operation.params for operation in operations),
        macs=sum(operation.macs for operation in operations),
        peak_activation_bytes=peak.live_bytes,
        peak_layer=peak.name,
    )


def trace(architecture: Architecture, input_size: int) -> Iterator[Operation]:
    """The network's operations in the order they run."""
    channels, size = architecture.in_channels, input_size
    for name, layer in _named_layers(architecture):
        operations = list(_layer_operations(name, layer, channels, size))
        yield from operations
        channels, size = layer.out_channels, strided(size, layer.stride)
    yield Operation("pool", 0, 0, channels * size * size, channels)
    classes = architecture.num_classes
    yield Operation("classifier", (channels + 1) * classes, channels * classes, channels, classes)


def strided(size: int, stride: int) -> int:
    """Side of a "same"-padded convolution's output."""
    return (size + stride - 1) // stride


def _named_layers(
    architecture: Architecture,
) -> Iterator[tuple[str, ConvLayer | SeparableBlock | InvertedBlock]]:
    yield "stem", architecture.stem
    for index, block in enumerate(architecture.blocks):
        yield f"blocks.{index}", block
    if architecture.final:
        yield "final", architecture.final


def _layer_operations(
    name: str, layer: ConvLayer | SeparableBlock | InvertedBlock, channels: int, size: int
) -> Iterator[Operation]:
    out_size = strided(size, layer.stride)
    if isinstance(layer, ConvLayer):
        yield _conv(name, channels, layer.out_channels, layer.kernel, size, out_size)
        return
    held = 0
    mid = channels
    if isinstance(layer, InvertedBlock):
        mid = layer.mid_channels
        held = channels * size * size if layer.has_shortcut else 0
        if layer.expand_ratio != 1:
            # The block's input is the expansion's input: it is counted once.
            yield _conv(f"{name}.expand", channels, mid, 1, size, size)
    depthwise_params = mid * (layer.kernel**2 + 2)
    yield Operation(
        f"{name}.depthwise",
        depthwise_params,
        mid * layer.kernel**2 * out_size**2,
        mid * size**2,
        mid * out_size**2,
        held,
    )
    project = _conv(f"{name}.project", mid, layer.out_channels, 1, out_size, out_size)
    yield Operation(
        project.name,
        project.params,
        project.macs,
        project.in_elements,
        project.out_elements,
        held,
    )


def _conv(
    name: str, in_channels: int, out_channels: int, kernel: int, size: int, out_size: int
) -> Operation:
    weights = in_channels * out_channels * kernel**2
    return Operation(
        name,
        weights + 2 * out_channels,
        weights * out_size**2,
        in_channels * size**2,
        out_channels * out_size**2,
    )
