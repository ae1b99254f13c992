"""When and how a step is augmented. Pure: positions in, decisions out."""

import enum

from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec


class Phase(enum.Enum):
    """What is drawn at random in a step."""

    OFF = enum.auto()
    WIDTH_AND_EXPAND = enum.auto()
    WIDTH_ONLY = enum.auto()
    EXPAND_ONLY = enum.auto()


PHASES = {
    (False, False): Phase.OFF,
    (True, True): Phase.WIDTH_AND_EXPAND,
    (True, False): Phase.WIDTH_ONLY,
    (False, True): Phase.EXPAND_ONLY,
}


def phase(epoch: int, training: TrainingSpec, augment: AugmentSpec) -> Phase:
    """The phase of an epoch, counted from 0. Each axis has its own end after warm-up."""
    after_warmup = training.epochs - training.warmup_epochs

    def is_before(fraction: float) -> bool:
        return epoch < training.warmup_epochs + fraction * after_warmup

    if augment.start > 0 and is_before(augment.start):
        return Phase.OFF
    return PHASES[is_before(augment.width_until), is_before(augment.expand_until)]


def draws_width(phase: Phase) -> bool:
    return phase in (Phase.WIDTH_AND_EXPAND, Phase.WIDTH_ONLY)


def num_passes(step: int, draw: float, augment: AugmentSpec) -> int:
    """Augmented passes of a step.

    Args:
        step: optimizer steps done before it.
        draw: a uniform number in [0, 1) that belongs to the step.
        augment: says how often.
    """
    is_turn = step % augment.every == 0 and draw < augment.probability
    return augment.nets_per_step if is_turn else 0
