"""The building blocks. They work at any width: elastic layers adapt to the channels they are given.

B batch, C channels, H and W height and width.
"""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Layers:
    """Which layer classes a network is made of: torch's own, or the elastic ones."""

    conv: type[nn.Conv2d]
    norm: type[nn.BatchNorm2d]
    linear: type[nn.Linear]


PLAIN = Layers(nn.Conv2d, nn.BatchNorm2d, nn.Linear)


class ConvNorm(nn.Module):
    """A "same"-padded convolution without bias, batch normalisation, and ReLU6 unless linear."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, activation: nn.ReLU6 | None) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.activation = activation

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.norm(self.conv(images))
        if self.activation is None:
            return features
        activated: Tensor = self.activation(features)
        return activated


def conv_norm(
    layers: Layers,
    channels: tuple[int, int],
    *,
    kernel: int = 1,
    stride: int = 1,
    depthwise: bool = False,
    linear: bool = False,
) -> ConvNorm:
    """A convolution from `channels[0]` to `channels[1]` with its normalisation and activation."""
    in_channels, out_channels = channels
    conv = layers.conv(
        in_channels,
        out_channels,
        kernel,
        stride,
        padding=kernel // 2,
        groups=in_channels if depthwise else 1,
        bias=False,
    )
    # In place: normalisation keeps its input for backward, not its output.
    activation = None if linear else nn.ReLU6(inplace=True)
    return ConvNorm(conv, layers.norm(out_channels), activation)


class Block(nn.Module):
    """Expansion (None in a separable block), depthwise convolution, linear projection."""

    def __init__(
        self, expand: ConvNorm | None, depthwise: ConvNorm, project: ConvNorm, *, has_shortcut: bool
    ) -> None:
        super().__init__()
        self.expand = expand
        self.depthwise = depthwise
        self.project = project
        self.has_shortcut = has_shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = inputs if self.expand is None else self.expand(inputs)
        features = self.project(self.depthwise(features))  # (B, out, H / stride, W / stride)
        if self.has_shortcut:
            features = features + inputs
        return features
