"""A detector as data, torch-free: a backbone, and scales of predictions on what it taps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from netaug_core.architectures import Architecture
from netaug_core.vocabulary import Convolution

Kind = Literal["yolov3", "ssdlite"]
Shape: TypeAlias = tuple[float, float]  # of an anchor: width, height in pixels of the input


@dataclass(frozen=True, kw_only=True)
class Head:
    """Convolutions on a scale's features; the last one has the predictions of each cell."""

    name: str
    convolutions: tuple[Convolution, ...]


@dataclass(frozen=True, kw_only=True)
class Level:
    """One scale. It begins with a tap, with what `entry` makes of the level before, or with both.

    Both are concatenated, entry's part first and twice as large as it was (nearest neighbour).

    Attributes:
        stride: pixels of the image between two cells.
        tap: the backbone's block whose output is read; None: none.
        entry: on the level before; empty: nothing of it is read.
        neck: on what the level begins with; the heads, and the next level, read its result.
    """

    stride: int
    tap: int | None = None
    entry: tuple[Convolution, ...] = ()
    neck: tuple[Convolution, ...] = ()
    heads: tuple[Head, ...]

    @property
    def is_joined(self) -> bool:
        """Whether two inputs are concatenated."""
        return self.tap is not None and bool(self.entry)

    def convolutions(self) -> Iterator[tuple[str, Convolution]]:
        """With the names of their modules, in running order."""
        for part, chain in (("entry", self.entry), ("neck", self.neck)):
            yield from ((f"{part}.{conv.name}", conv) for conv in chain)
        for head in self.heads:
            yield from ((f"heads.{head.name}.{conv.name}", conv) for conv in head.convolutions)


@dataclass(frozen=True, kw_only=True)
class Detector:
    """One detector.

    Its raw output has `values_per_anchor` numbers for each anchor: the anchors of a cell follow
    each other, cells go row by row, levels in their order here; the heads' values in theirs.

    Attributes:
        kind: how the numbers are read and learnt.
        backbone: up to the last block that is tapped; it has no final convolution and no head, and
            its classes are those of the objects.
    """

    kind: Kind
    backbone: Architecture
    levels: tuple[Level, ...]
    anchors_per_cell: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {get_args(Kind)}; got {self.kind!r}")
        if self.anchors_per_cell < 1 or not self.levels:
            raise ValueError(
                "a detector needs levels, and anchors in each cell; got "
                f"{len(self.levels)} levels, anchors_per_cell {self.anchors_per_cell}"
            )
        before = 0
        for index, level in enumerate(self.levels):
            self._check_parts(f"levels.{index}", level)
            before = self._check(f"levels.{index}", level, before)

    @property
    def name(self) -> str:
        return f"{self.kind} on {self.backbone.name}"

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.backbone.in_channels

    @property
    def num_classes(self) -> int:
        return self.backbone.num_classes

    @property
    def values_per_anchor(self) -> int:
        heads = self.levels[0].heads
        return sum(head.convolutions[-1].out_channels for head in heads) // self.anchors_per_cell

    def convolutions(self) -> dict[str, Convolution]:
        """Every convolution, by the full name of its module."""
        scales = {
            f"levels.{index}.{name}": conv
            for index, level in enumerate(self.levels)
            for name, conv in level.convolutions()
        }
        return self.backbone.convolutions() | scales

    def tap_channels(self, level: Level) -> int:
        """Channels that the level reads from the backbone."""
        return 0 if level.tap is None else self.backbone.blocks[level.tap].out_channels

    def grids(self, input_size: int) -> list[int]:
        """Cells along a side at each level.

        Raises:
            ValueError: two levels would not fit together at this size.
        """
        step = max((level.stride * 2 for level in self.levels if level.is_joined), default=1)
        if input_size % step:
            low, high = input_size // step * step, -(-input_size // step) * step
            raise ValueError(
                f"input_size must be a multiple of {step} for {self.kind}; got {input_size}; use "
                f"{f'{low} or ' if low else ''}{high}"
            )
        return [-(-input_size // level.stride) for level in self.levels]

    def num_anchors(self, input_size: int) -> int:
        """Of all levels."""
        return sum(self.anchors_per_cell * side**2 for side in self.grids(input_size))

    def _check_parts(self, name: str, level: Level) -> None:
        """Raises ValueError if the level lacks something, or taps a block that is not there."""
        if level.tap is not None and not 0 <= level.tap < len(self.backbone.blocks):
            raise ValueError(
                f"{name}.tap must be one of the {len(self.backbone.blocks)} blocks; got {level.tap}"
            )
        if level.tap is None and (not level.entry or level is self.levels[0]):
            raise ValueError(
                f"{name} reads nothing: give it a tap, or an entry on the level before"
            )
        if level.entry and level is self.levels[0]:
            raise ValueError(f"{name}.entry reads the level before, and there is none")
        if level.is_joined and not level.neck:
            raise ValueError(f"{name}.neck must begin with the concatenation; it is empty")
        if not level.heads or not all(head.convolutions for head in level.heads):
            raise ValueError(f"{name} needs heads, each with a convolution")
        values = sum(head.convolutions[-1].out_channels for head in level.heads)
        if values != self.anchors_per_cell * self.values_per_anchor:
            raise ValueError(
                f"{name}.heads give {values} numbers a cell; all levels must give "
                f"{self.values_per_anchor} for each of {self.anchors_per_cell} anchors"
            )

    def _check(self, name: str, level: Level, before: int) -> int:
        """Channels of the level's features; `before` are those of the level before.

        Raises:
            ValueError: a convolution does not take the channels that it is given.
        """
        entered = _chain(f"{name}.entry", level.entry, before) if level.entry else 0
        parts = (entered, self.tap_channels(level)) if level.is_joined else ()
        if level.is_joined and level.neck[0].in_parts != parts:
            raise ValueError(
                f"{name}.neck must begin with the concatenation of {parts} channels; got "
                f"{level.neck[0].in_parts}"
            )
        features = _chain(f"{name}.neck", level.neck, entered + self.tap_channels(level))
        for head in level.heads:
            _chain(f"{name}.heads.{head.name}", head.convolutions, features)
        return features


def _chain(name: str, convolutions: tuple[Convolution, ...], channels: int) -> int:
    """Channels after the last.

    Raises:
        ValueError: a convolution does not take the channels before it.
    """
    for conv in convolutions:
        if min(conv.in_channels, conv.out_channels, conv.kernel, conv.stride) < 1:
            raise ValueError(f"{name}.{conv.name} needs channels, kernel and stride of at least 1")
        if conv.in_channels != channels:
            raise ValueError(
                f"{name}.{conv.name} must take the {channels} channels before it; got "
                f"{conv.in_channels}"
            )
        channels = conv.out_channels
    return channels
