"""The augmented nets of a detector, torch-free: its own table with other numbers of channels.

The backbone is augmented as in classification. The neck reads what it then gives; its own widths
are drawn too if that is wanted, convolution by convolution. The predictions keep their outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netaug_core import widths
from netaug_core.detectors.table import Detector, Head, Level
from netaug_core.vocabulary import Convolution
from netaug_core.widths import Choice, Multipliers


def widest(base: Detector, multipliers: Multipliers, *, widen_neck: bool) -> Detector:
    """The augmented net that holds all others."""
    return augmented(
        base,
        base,
        multipliers,
        choose_width=widths.largest,
        choose_expand=widths.largest,
        widen_neck=widen_neck,
    )


def augmented(
    base: Detector,
    whole: Detector,
    multipliers: Multipliers,
    *,
    choose_width: Choice,
    choose_expand: Choice,
    widen_neck: bool,
) -> Detector:
    """One augmented net of `base`, a part of `whole`, the widest.

    Args:
        base: the tiny net.
        whole: the widest net.
        multipliers: what can be chosen.
        choose_width: takes a width multiplier; for neck and heads too if they are widened.
        choose_expand: takes an expand multiplier.
        widen_neck: whether convolutions after the backbone, but the predictions, are widened.
    """
    backbone = widths.augmented(
        base.backbone,
        whole.backbone,
        multipliers,
        choose_width=choose_width,
        choose_expand=choose_expand,
    )
    chains = _Chains(choose_width, multipliers.width if widen_neck else (1.0,))
    levels: list[Level] = []
    before = 0
    for level in base.levels:
        tap = 0 if level.tap is None else backbone.blocks[level.tap].out_channels
        levels.append(chains.level(level, before, tap))
        before = _features(levels[-1], tap)
    return replace(base, backbone=backbone, levels=tuple(levels))


def _features(level: Level, tap: int) -> int:
    last = (*level.entry, *level.neck)
    return last[-1].out_channels if last else tap


@dataclass(frozen=True)
class _Chains:
    """Gives chains of convolutions other widths."""

    choose: Choice
    multipliers: Sequence[float]

    def level(self, level: Level, before: int, tap: int) -> Level:
        entry = self.chain(level.entry, before) if level.entry else ()
        entered = entry[-1].out_channels if entry else 0
        neck = self.chain(level.neck, entered + tap)
        if level.is_joined:
            neck = (replace(neck[0], in_parts=(entered, tap)), *neck[1:])
        features = neck[-1].out_channels if neck else entered + tap
        heads = tuple(self.head(head, features) for head in level.heads)
        return replace(level, entry=entry, neck=neck, heads=heads)

    def head(self, head: Head, channels: int) -> Head:
        inner = self.chain(head.convolutions[:-1], channels)
        last = inner[-1].out_channels if inner else channels
        predict = replace(head.convolutions[-1], in_channels=last)
        return replace(head, convolutions=(*inner, predict))

    def chain(
        self, convolutions: tuple[Convolution, ...], channels: int
    ) -> tuple[Convolution, ...]:
        made = []
        for conv in convolutions:
            out = channels  # of a depthwise convolution
            if not conv.depthwise:
                out = widths.scaled(conv.out_channels, self.choose(self.multipliers))
            made.append(replace(conv, in_channels=channels, out_channels=out))
            channels = out
        return tuple(made)
