"""Width augmentation stops part way; expansion goes on."""

import pytest

from netaug_core.augment.schedule import Phase, phase
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, Phase.WIDTH_AND_EXPAND),
        (79, Phase.WIDTH_AND_EXPAND),
        (80, Phase.EXPAND_ONLY),
        (154, Phase.EXPAND_ONLY),
    ],
)
def test_the_reference_schedule_has_80_epochs_of_width(epoch: int, expected: Phase) -> None:
    training = TrainingSpec(epochs=155, warmup_epochs=5)

    assert phase(epoch, training, AugmentSpec()) is expected


def test_width_until_one_draws_widths_to_the_end() -> None:
    training = TrainingSpec(epochs=3)

    assert phase(2, training, AugmentSpec(width_until=1.0)) is Phase.WIDTH_AND_EXPAND
