"""The building blocks. They work at any width: elastic layers adapt to the channels they are given.

B batch, C channels, H and W height and width. Layers are named as in vocabulary.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from netaug_core.models import recomputing, strided
from netaug_core.models.regularisers import DropBlock, DropPath
from netaug_core.vocabulary import Convolution


@dataclass(frozen=True)
class Layers:
    """Which layer classes a network is made of: torch's own, or the elastic ones."""

    conv: type[nn.Conv2d]
    norm: type[nn.BatchNorm2d]
    linear: type[nn.Linear]


PLAIN = Layers(nn.Conv2d, nn.BatchNorm2d, nn.Linear)


class ConvNorm(nn.Module):
    """A "same"-padded convolution, batch normalisation unless it has a bias, and an activation.

    Attributes:
        drop_block: acts on what comes out; given while training, if at all.
    """

    def __init__(
        self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, activation: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.activation = activation
        self.drop_block: DropBlock | None = None

    def forward(self, images: Tensor) -> Tensor:
        return self.finish(strided.convolve(self.conv, images))

    def finish(self, features: Tensor) -> Tensor:
        """What follows the convolution."""
        if self.norm is not None:
            features = self.norm(features)
        if self.activation is not None:
            features = self.activation(features)
        return features if self.drop_block is None else self.drop_block(features)

    def finish_into(self, features: Tensor, following: nn.Conv2d) -> Tensor:
        """following(finish(features)), keeping one tensor less where that can be."""
        norm, activation = self.norm, self.activation
        if norm is None or activation is None or self.drop_block is not None:
            return strided.convolve(following, self.finish(features))
        if not recomputing.can_join(norm, activation, following):
            return strided.convolve(following, self.finish(features))
        return recomputing.joined(features, norm, activation, following)

    def rows(self) -> tuple[Tensor, ...]:
        """Everything that has the output channels along dimension 0."""
        norm = self.norm
        tensors = [self.conv.weight, self.conv.bias]
        if norm is not None:
            tensors += [norm.weight, norm.bias, norm.running_mean, norm.running_var]
        return tuple(tensor for tensor in tensors if tensor is not None)


def conv_norm(layers: Layers, table: Convolution) -> ConvNorm:
    """The convolution of a table with its normalisation and activation."""
    conv = layers.conv(
        table.in_channels,
        table.out_channels,
        table.kernel,
        table.stride,
        padding=table.kernel // 2,
        groups=table.in_channels if table.depthwise else 1,
        bias=not table.norm,
    )
    norm = layers.norm(table.out_channels) if table.norm else None
    return ConvNorm(conv, norm, activation(table.activation))


def activation(name: str) -> nn.Module | None:
    """The module of an activation; None for "none"."""
    if name == "none":
        return None
    # In place where backward needs the output only: what comes before keeps its input.
    made: dict[str, nn.Module] = {
        "relu6": nn.ReLU6(inplace=True),
        "relu": nn.ReLU(inplace=True),
        "h_swish": nn.Hardswish(),
        "h_sigmoid": nn.Hardsigmoid(),
    }
    return made[name]


@dataclass(frozen=True)
class InnerChannels:
    """Channels that nothing outside their block sees: they may be put in any order.

    Attributes:
        rows: tensors with these channels along dimension 0.
        columns: weights that read these channels, along dimension 1.
        importance: the weight of `columns` whose size tells how much a channel matters.
    """

    rows: tuple[Tensor, ...]
    columns: tuple[Tensor, ...]
    importance: Tensor


class Join(nn.Module):
    """A block's convolutions and its shortcut come together: the sum of both.

    Attributes:
        drop_path: acts on what the convolutions give; given while training, if at all.
        drop_block: acts on the shortcut; likewise.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drop_path: DropPath | None = None
        self.drop_block: DropBlock | None = None

    def forward(self, features: Tensor, shortcut: Tensor) -> Tensor:
        if self.drop_path is not None:
            features = self.drop_path(features)
        if self.drop_block is not None:
            shortcut = self.drop_block(shortcut)
        return features + shortcut


class DepthwiseBlock(nn.Module):
    """Expansion (None in a separable block), depthwise convolution, linear projection.

    Squeeze-and-excitation stands between the last two if it is given.

    Attributes:
        recomputes: with less memory while training on the CPU; the same numbers but for rounding.
    """

    recomputes = True

    def __init__(self, layers: Mapping[str, ConvNorm], *, has_shortcut: bool) -> None:
        super().__init__()
        self.expand = layers.get("expand")
        self.depthwise = layers["depthwise"]
        self.squeeze = layers.get("squeeze")
        self.excite = layers.get("excite")
        self.project = layers["project"]
        self.join = Join() if has_shortcut else None

    def forward(self, inputs: Tensor) -> Tensor:
        if self.recomputes and self.training and recomputing.suits(inputs):
            features = self._recomputing(inputs)
        else:
            features = inputs if self.expand is None else self.expand(inputs)
            features = self._excited(self.depthwise(features))  # (B, mid, H / stride, W / stride)
            features = self.project(features)
        return features if self.join is None else self.join(features, inputs)

    def _recomputing(self, inputs: Tensor) -> Tensor:
        """The same from the same layers, each joined to the convolution after it."""
        if self.expand is None:
            features = strided.convolve(self.depthwise.conv, inputs)
        else:
            features = strided.convolve(self.expand.conv, inputs)
            features = self.expand.finish_into(features, self.depthwise.conv)
        if self.squeeze is None:
            features = self.depthwise.finish_into(features, self.project.conv)
        else:
            features = self._excited(self.depthwise.finish(features))
            features = strided.convolve(self.project.conv, features)
        return self.project.finish(features)

    def _excited(self, features: Tensor) -> Tensor:
        if self.squeeze is None or self.excite is None:
            return features
        average = features.mean((2, 3), keepdim=True)  # (B, mid, 1, 1)
        share: Tensor = self.excite(self.squeeze(average))
        return features * share

    def inner_channels(self) -> list[InnerChannels]:
        """In the order in which to sort them: what is sorted first does not change the next."""
        inner = []
        if self.expand is not None:
            makers = (self.expand, self.depthwise, self.excite)
            rows = tuple(row for layer in makers if layer for row in layer.rows())
            readers = (self.project, self.squeeze)
            columns = tuple(layer.conv.weight for layer in readers if layer)
            inner.append(InnerChannels(rows, columns, self.project.conv.weight))
        if self.squeeze is not None and self.excite is not None:
            middle = self.excite.conv.weight
            inner.append(InnerChannels(self.squeeze.rows(), (middle,), middle))
        return inner


class ResidualBlock(nn.Module):
    """Two or three convolutions beside a shortcut; activation after the sum."""

    def __init__(self, layers: Mapping[str, ConvNorm], activation: nn.Module | None) -> None:
        super().__init__()
        self.first = layers["first"]
        self.second = layers["second"]
        self.third = layers.get("third")
        self.shortcut = layers.get("shortcut")
        self.join = Join()
        self.activation = activation

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.second(self.first(inputs))
        if self.third is not None:
            features = self.third(features)  # (B, out, H / stride, W / stride)
        features = self.join(features, inputs if self.shortcut is None else self.shortcut(inputs))
        return features if self.activation is None else self.activation(features)

    def inner_channels(self) -> list[InnerChannels]:
        """In the order in which to sort them: what is sorted first does not change the next."""
        second = self.second.conv.weight
        inner = [InnerChannels(self.first.rows(), (second,), second)]
        if self.third is not None:
            third = self.third.conv.weight
            # First: it orders the rows of `second`, over which the other's importance is summed.
            inner.insert(0, InnerChannels(self.second.rows(), (third,), third))
        return inner
