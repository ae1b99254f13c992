"""The augmented nets of a detector, as tables."""

import random

import pytest

from netaug_core import widths
from netaug_core.detectors import widths as detector_widths
from netaug_core.detectors.table import Detector
from netaug_core.vocabulary import Convolution
from tests.netaug_core.detector_tables import DETECTORS, each_detector

MULTIPLIERS = widths.Multipliers((1.0, 1.8, 2.6), (1.0, 1.6))
each_neck = pytest.mark.parametrize("widen_neck", [False, True], ids=["narrow", "wide"])


def draw(base: Detector, choose: widths.Choice, *, widen_neck: bool) -> Detector:
    whole = detector_widths.widest(base, MULTIPLIERS, widen_neck=widen_neck)
    return detector_widths.augmented(
        base,
        whole,
        MULTIPLIERS,
        choose_width=choose,
        choose_expand=choose,
        widen_neck=widen_neck,
    )


def scales(detector: Detector) -> dict[str, Convolution]:
    """The convolutions after the backbone."""
    return {
        name: conv for name, conv in detector.convolutions().items() if name.startswith("levels.")
    }


@each_neck
@each_detector
def test_the_smallest_choice_is_the_tiny_detector_itself(
    detector: Detector, widen_neck: bool
) -> None:
    assert draw(detector, widths.smallest, widen_neck=widen_neck) == detector


@each_neck
@each_detector
def test_predictions_keep_their_outputs(detector: Detector, widen_neck: bool) -> None:
    drawn = draw(detector, random.Random(3).choice, widen_neck=widen_neck)  # noqa: S311  # a test

    predictions = [name for name in scales(detector) if name.endswith(".predict")]
    assert predictions
    for name in predictions:
        assert scales(drawn)[name].out_channels == scales(detector)[name].out_channels


def test_only_a_widened_neck_has_other_widths_of_its_own() -> None:
    detector = DETECTORS["yolov3-mobilenet_v2"]
    narrow = scales(draw(detector, widths.largest, widen_neck=False))
    wide = scales(draw(detector, widths.largest, widen_neck=True))

    assert narrow["levels.1.neck.first"].out_channels == 64
    assert narrow["levels.1.neck.first"].in_parts == (64, 42)  # the tap's 16 x 2.6 = 41.6
    assert wide["levels.1.neck.first"].out_channels == 166  # 64 x 2.6 = 166.4
    assert wide["levels.1.neck.first"].in_parts == (166, 42)
