"""The convolutions that necks and heads are made of."""

from netaug_core.vocabulary import Activation, Convolution


def pointwise(
    name: str, in_channels: int, out_channels: int, activation: Activation
) -> Convolution:
    """A 1 x 1 convolution with batch normalisation."""
    return Convolution(
        name=name, in_channels=in_channels, out_channels=out_channels, activation=activation
    )


def separable(
    in_channels: int, out_channels: int, activation: Activation
) -> tuple[Convolution, Convolution]:
    """A depthwise 3 x 3 convolution, then a 1 x 1 one."""
    return (
        depthwise(in_channels, activation),
        pointwise("pointwise", in_channels, out_channels, activation),
    )


def depthwise(channels: int, activation: Activation, stride: int = 1) -> Convolution:
    """A depthwise 3 x 3 convolution."""
    return Convolution(
        name="depthwise",
        in_channels=channels,
        out_channels=channels,
        kernel=3,
        stride=stride,
        activation=activation,
        depthwise=True,
    )


def prediction(in_channels: int, outputs: int) -> Convolution:
    """The last convolution of a head: linear, with a bias, its outputs the same at any width."""
    return Convolution(name="predict", in_channels=in_channels, out_channels=outputs, norm=False)
