"""The random numbers of a step, by its position: a resume at any step draws the same ones."""

from dataclasses import dataclass

import numpy as np
import torch

from netaug_core.data.counters import uniforms

STEP_STREAM = 2**32  # no epoch of the data has this number
RANK_OFFSET = 2**40  # steps of another device lie this far away
MANTISSA = 2**53


@dataclass(frozen=True)
class StepDraws:
    """What is random in one step.

    Attributes:
        nets: draws the augmented nets; on the CPU whatever the device: the same on every machine.
        turn: in [0, 1), whether there is an augmented pass; the same on every device.
    """

    nets: torch.Generator
    turn: float


def draw(seed: int, step: int, rank: int, *, nets_by_rank: bool) -> StepDraws:
    """The numbers of a step; also seeds torch's own generators, which dropout draws from."""
    own = step + rank * RANK_OFFSET
    rows = uniforms(seed, STEP_STREAM, np.array([step, own], np.int64), 3)
    torch.manual_seed(int(rows[1, 0] * MANTISSA))
    nets_row = rows[1] if nets_by_rank else rows[0]
    nets = torch.Generator().manual_seed(int(nets_row[1] * MANTISSA))
    return StepDraws(nets, float(rows[0, 2]))
