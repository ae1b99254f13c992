"""Which augmented net runs in a step: drawn uniformly, as in the reference code."""

from collections.abc import Sequence

import torch

from netaug_core.widths import Choice


def uniform(generator: torch.Generator) -> Choice:
    """Draws each multiplier with equal probability."""

    def choose(multipliers: Sequence[float]) -> float:
        return multipliers[int(torch.randint(len(multipliers), (), generator=generator))]

    return choose
