"""Which kind of augmentation an epoch has. Pure: epochs in, phase out."""

import enum

from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec


class Phase(enum.Enum):
    """What is drawn at random in a step."""

    WIDTH_AND_EXPAND = enum.auto()
    EXPAND_ONLY = enum.auto()


def phase(epoch: int, training: TrainingSpec, augment: AugmentSpec) -> Phase:
    """The phase of an epoch, counted from 0: width augmentation stops part way after warm-up."""
    after_warmup = training.epochs - training.warmup_epochs
    if epoch < training.warmup_epochs + augment.width_until * after_warmup:
        return Phase.WIDTH_AND_EXPAND
    return Phase.EXPAND_ONLY
