"""The vocabulary of networks: layers and blocks as data, torch-free.

A network is a table of these. The builder, the costs and the augmented nets are all made from it,
through the plain convolutions that every block says it consists of.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

# Of a layer: "none" is linear. h_swish is x * relu6(x + 3) / 6, and h_sigmoid is relu6(x + 3) / 6.
Activation = Literal["relu6", "relu", "h_swish", "none"]


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """One "same"-padded convolution as it runs: what blocks are made of.

    Attributes:
        name: of the module, within its block; a stage of a network has the stage's name.
        depthwise: a channel of the output reads its own channel of the input only.
        norm: batch normalisation follows, and there is no bias; false: a bias instead.
        pooled: reads the average over the image, one value a channel.
        in_parts: channels of the inputs that are concatenated into its own; empty: it has one.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    activation: Activation | Literal["h_sigmoid"] = "none"
    depthwise: bool = False
    norm: bool = True
    pooled: bool = False
    in_parts: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """A k x k convolution, batch normalisation (else a bias), activation."""

    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    activation: Activation = "relu6"
    norm: bool = True


@dataclass(frozen=True, kw_only=True)
class PoolLayer:
    """Maximum over k x k pixels, "same"-padded."""

    kernel: int = 3
    stride: int = 2


@dataclass(frozen=True, kw_only=True)
class SeparableBlock:
    """A depthwise k x k convolution, then a linear 1 x 1 one.

    Attributes:
        squeeze_channels: between the two, squeeze-and-excitation (Hu et al. 2018) with that many
            channels in its middle; None: none.
        shortcut: the block's input is added to its output.
    """

    in_channels: int
    out_channels: int
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu6"
    squeeze_channels: int | None = None
    shortcut: bool = False

    def __post_init__(self) -> None:
        _refuse_shortcut(self, self.shortcut)

    @property
    def mid_channels(self) -> int:
        """Channels of the depthwise convolution."""
        return self.in_channels

    @property
    def keeps_width(self) -> bool:
        """Whether the output must have as many channels as the input."""
        return self.shortcut

    def convolutions(self) -> tuple[Convolution, ...]:
        return _depthwise_part(self)


@dataclass(frozen=True, kw_only=True)
class InvertedBlock:
    """1 x 1 expansion, depthwise k x k, linear 1 x 1 projection (MobileNetV2, V3).

    Attributes:
        mid_channels: after the expansion.
        squeeze_channels, shortcut: as in a separable block.
    """

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu6"
    squeeze_channels: int | None = None
    shortcut: bool = False

    def __post_init__(self) -> None:
        _refuse_shortcut(self, self.shortcut)

    @property
    def keeps_width(self) -> bool:
        """Whether the output must have as many channels as the input."""
        return self.shortcut

    def convolutions(self) -> tuple[Convolution, ...]:
        expand = Convolution(
            name="expand",
            in_channels=self.in_channels,
            out_channels=self.mid_channels,
            activation=self.activation,
        )
        return (expand, *_depthwise_part(self))


@dataclass(frozen=True, kw_only=True)
class BasicBlock:
    """Two k x k convolutions beside a shortcut; the activation again after the sum (ResNet).

    Attributes:
        projection: the shortcut is a linear 1 x 1 convolution, not the input itself.
    """

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu"
    projection: bool = False

    def __post_init__(self) -> None:
        _refuse_shortcut(self, not self.projection)

    @property
    def keeps_width(self) -> bool:
        """Whether the output must have as many channels as the input."""
        return not self.projection

    def convolutions(self) -> tuple[Convolution, ...]:
        first = Convolution(
            name="first",
            in_channels=self.in_channels,
            out_channels=self.mid_channels,
            kernel=self.kernel,
            stride=self.stride,
            activation=self.activation,
        )
        second = Convolution(
            name="second",
            in_channels=self.mid_channels,
            out_channels=self.out_channels,
            kernel=self.kernel,
        )
        return (first, second, *_projection(self))


@dataclass(frozen=True, kw_only=True)
class BottleneckBlock:
    """1 x 1, k x k, 1 x 1 convolutions beside a shortcut; activation after the sum (ResNet).

    Attributes:
        projection: the shortcut is a linear 1 x 1 convolution, not the input itself.
    """

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu"
    projection: bool = False

    def __post_init__(self) -> None:
        _refuse_shortcut(self, not self.projection)

    @property
    def keeps_width(self) -> bool:
        """Whether the output must have as many channels as the input."""
        return not self.projection

    def convolutions(self) -> tuple[Convolution, ...]:
        first = Convolution(
            name="first",
            in_channels=self.in_channels,
            out_channels=self.mid_channels,
            activation=self.activation,
        )
        # The stride is at the k x k convolution: at the first, three pixels in four go unread.
        second = Convolution(
            name="second",
            in_channels=self.mid_channels,
            out_channels=self.mid_channels,
            kernel=self.kernel,
            stride=self.stride,
            activation=self.activation,
        )
        third = Convolution(
            name="third", in_channels=self.mid_channels, out_channels=self.out_channels
        )
        return (first, second, third, *_projection(self))


def strided(size: int, stride: int) -> int:
    """Side of a "same"-padded convolution's output."""
    return (size + stride - 1) // stride


DepthwiseBlock: TypeAlias = SeparableBlock | InvertedBlock
ResidualBlock: TypeAlias = BasicBlock | BottleneckBlock
Block: TypeAlias = DepthwiseBlock | ResidualBlock


def _refuse_shortcut(block: Block, keeps_input: bool) -> None:
    """Raises ValueError if the input is to be added to an output of another shape."""
    if keeps_input and (block.stride != 1 or block.in_channels != block.out_channels):
        raise ValueError(
            "a shortcut without projection needs stride 1 and as many channels out as in; got "
            f"stride {block.stride}, {block.in_channels} channels in, {block.out_channels} out"
        )


def _depthwise_part(block: DepthwiseBlock) -> tuple[Convolution, ...]:
    mid = block.mid_channels
    depthwise = Convolution(
        name="depthwise",
        in_channels=mid,
        out_channels=mid,
        kernel=block.kernel,
        stride=block.stride,
        activation=block.activation,
        depthwise=True,
    )
    project = Convolution(name="project", in_channels=mid, out_channels=block.out_channels)
    return (depthwise, *_squeeze_and_excitation(mid, block.squeeze_channels), project)


def _squeeze_and_excitation(mid: int, squeeze_channels: int | None) -> tuple[Convolution, ...]:
    if squeeze_channels is None:
        return ()
    squeeze = Convolution(
        name="squeeze",
        in_channels=mid,
        out_channels=squeeze_channels,
        activation="relu",
        norm=False,
        pooled=True,
    )
    excite = replace(
        squeeze,
        name="excite",
        in_channels=squeeze_channels,
        out_channels=mid,
        activation="h_sigmoid",
    )
    return (squeeze, excite)


def _projection(block: ResidualBlock) -> tuple[Convolution, ...]:
    if not block.projection:
        return ()
    return (
        Convolution(
            name="shortcut",
            in_channels=block.in_channels,
            out_channels=block.out_channels,
            stride=block.stride,
        ),
    )
