"""A network as the operations that a device runs: what each reads and makes. Torch-free.

For one image. Batch normalisation and a bias are part of their convolution, an activation is part
of what it follows. An operation makes one tensor, which has its name; names are the modules' where
there are such.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

IMAGE = "image"  # the input's name

Function = Literal["relu6", "relu", "h_swish", "h_sigmoid", "none"]


@dataclass(frozen=True)
class Shape:
    """Of a tensor: rows, columns, and the channels of each pixel, which lie side by side."""

    height: int
    width: int
    channels: int

    @property
    def elements(self) -> int:
        return self.height * self.width * self.channels


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolution with `kernel // 2` pixels of padding on each side; on 1 x 1, a linear layer.

    Attributes:
        depthwise: channel i of the output reads channel i of the input only.
    """

    name: str
    inputs: tuple[str]
    kernel: int
    stride: int
    depthwise: bool
    activation: Function


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """The largest of kernel x kernel pixels, with `kernel // 2` missing ones on each side."""

    name: str
    inputs: tuple[str]
    kernel: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class Average:
    """Of each channel over the whole map: 1 x 1."""

    name: str
    inputs: tuple[str]


@dataclass(frozen=True, kw_only=True)
class Add:
    """The sum of two tensors of one shape, then an activation."""

    name: str
    inputs: tuple[str, str]
    activation: Function


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A map (the first input), each channel times its share (the second, 1 x 1)."""

    name: str
    inputs: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Concat:
    """The channels of several maps of one size, one after the other."""

    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Upsample:
    """Twice as many rows and columns; each pixel four times (nearest neighbour)."""

    name: str
    inputs: tuple[str]


Operation: TypeAlias = Conv | MaxPool | Average | Add | Scale | Concat | Upsample


@dataclass(frozen=True)
class Graph:
    """Operations in the order they run.

    Attributes:
        shapes: of the image and of every operation's tensor.
        outputs: the tensors that are the network's answer, in its order; alive to the end.
    """

    operations: tuple[Operation, ...]
    shapes: Mapping[str, Shape]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        made = {IMAGE}
        for operation in self.operations:
            missing = set(operation.inputs) - made
            if missing or operation.name in made:
                raise ValueError(
                    f"{operation.name} must read what was made before it, and have a name of its "
                    f"own; it reads {', '.join(operation.inputs)}"
                )
            made.add(operation.name)
        if made != set(self.shapes) or not set(self.outputs) <= made - {IMAGE}:
            raise ValueError("every tensor needs a shape, and every output must be made")

    def in_shape(self, operation: Operation) -> Shape:
        """Of an operation's first input."""
        return self.shapes[operation.inputs[0]]

    def weight_shape(self, conv: Conv) -> tuple[int, int, int, int]:
        """(out, kernel, kernel, in) of a convolution; in is 1 if it is depthwise."""
        fan_in = 1 if conv.depthwise else self.in_shape(conv).channels
        return self.shapes[conv.name].channels, conv.kernel, conv.kernel, fan_in

    def macs(self, conv: Conv) -> int:
        """Multiply-accumulates of a convolution, those on padding counted."""
        _, rows, columns, fan_in = self.weight_shape(conv)
        return self.shapes[conv.name].elements * rows * columns * fan_in
