"""Each axis of augmentation has its beginning and its end, and not every step need have a pass."""

import pytest

from netaug_core.augment.schedule import Phase, num_passes, phase
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


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, Phase.OFF),
        (3, Phase.OFF),  # two of warm-up, then a tenth of twenty
        (4, Phase.WIDTH_AND_EXPAND),
        (7, Phase.WIDTH_ONLY),
        (12, Phase.OFF),
    ],
)
def test_each_axis_begins_and_ends_where_the_spec_says(epoch: int, expected: Phase) -> None:
    training = TrainingSpec(epochs=22, warmup_epochs=2)
    augment = AugmentSpec(start=0.1, expand_until=0.25, width_until=0.5)

    assert phase(epoch, training, augment) is expected


def test_every_third_step_has_the_augmented_passes() -> None:
    augment = AugmentSpec(every=3, nets_per_step=2)

    assert [num_passes(step, 0.5, augment) for step in range(5)] == [2, 0, 0, 2, 0]


def test_a_step_whose_draw_is_not_below_the_probability_has_no_augmented_pass() -> None:
    augment = AugmentSpec(probability=0.25)

    assert [num_passes(0, draw, augment) for draw in (0.0, 0.24, 0.25, 0.99)] == [1, 1, 0, 0]
