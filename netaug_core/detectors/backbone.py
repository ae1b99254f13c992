"""A classifier's network as a detector's backbone."""

from collections.abc import Sequence
from dataclasses import replace

from netaug_core.architectures import Architecture


def tapped(
    architecture: Architecture, strides: Sequence[int]
) -> tuple[Architecture, dict[int, int]]:
    """The network up to the last block that is read, and the last block at each stride.

    What comes after goes: the final convolution, the head, blocks of larger strides. The blocks
    keep their names, so a classifier's weights fit.

    Raises:
        ValueError: no block has one of the strides.
    """
    last = {stride: index for index, stride in enumerate(architecture.strides()[1:])}
    missing = [stride for stride in sorted(strides) if stride not in last]
    if missing:
        reached = ", ".join(map(str, last))
        raise ValueError(
            f"a detector reads blocks at strides {', '.join(map(str, sorted(strides)))} of the "
            f"image; {architecture.name} has blocks at {reached}, none at {missing[0]}; use a "
            "stem of stride 2, or a network that goes on to the largest of them"
        )
    taps = {stride: last[stride] for stride in strides}
    blocks = architecture.blocks[: max(taps.values()) + 1]
    return replace(architecture, blocks=blocks, final=None, head=None, dropout=0.0), taps
