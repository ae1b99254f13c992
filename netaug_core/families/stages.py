"""What the MobileNet-like families share: a separable first block, then stages of inverted ones."""

from collections.abc import Iterable
from dataclasses import dataclass

from netaug_core.vocabulary import Activation, InvertedBlock


@dataclass(frozen=True)
class Stage:
    """Blocks of the same output width; the first may shrink the image.

    Attributes:
        kernels: of each block.
        mid_channels: of each block, after the expansion.
        squeeze_channels: of each block, None without squeeze-and-excitation.
    """

    out_channels: int
    stride: int
    kernels: tuple[int, ...]
    mid_channels: tuple[int, ...]
    squeeze_channels: tuple[int | None, ...]
    activation: Activation = "relu6"


def inverted_blocks(in_channels: int, stages: Iterable[Stage]) -> tuple[InvertedBlock, ...]:
    """The blocks of all stages. A shortcut stands wherever the shapes allow it."""
    blocks = []
    for stage in stages:
        parts = zip(stage.kernels, stage.mid_channels, stage.squeeze_channels, strict=True)
        for index, (kernel, mid, squeeze) in enumerate(parts):
            stride = stage.stride if index == 0 else 1
            blocks.append(
                InvertedBlock(
                    in_channels=in_channels,
                    mid_channels=mid,
                    out_channels=stage.out_channels,
                    kernel=kernel,
                    stride=stride,
                    activation=stage.activation,
                    squeeze_channels=squeeze,
                    shortcut=stride == 1 and in_channels == stage.out_channels,
                )
            )
            in_channels = stage.out_channels
    return tuple(blocks)


def by_ratio(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    kernels: tuple[int, ...],
    ratios: tuple[int, ...],
) -> Stage:
    """A stage whose expansions are multiples of each block's input."""
    inputs = (in_channels, *[out_channels] * (len(kernels) - 1))
    mid = tuple(ratio * channels for ratio, channels in zip(ratios, inputs, strict=True))
    return Stage(out_channels, stride, kernels, mid, (None,) * len(kernels))
