"""A detector's table refuses what cannot run."""

from dataclasses import replace

import pytest

from netaug_core.detectors.table import Detector
from tests.netaug_core.detector_tables import DETECTORS, each_detector


@each_detector
def test_names_of_convolutions_are_all_different(detector: Detector) -> None:
    count = sum(len(list(level.convolutions())) for level in detector.levels)

    assert len(detector.convolutions()) == count + len(detector.backbone.convolutions())


def test_a_neck_that_reads_other_channels_than_it_gets_is_refused() -> None:
    detector = DETECTORS["yolov3-custom"]
    first, *rest = detector.levels[0].neck
    wrong = replace(detector.levels[0], neck=(replace(first, in_channels=99), *rest))

    with pytest.raises(ValueError, match=r"levels.0.neck.first must take the 14 channels"):
        replace(detector, levels=(wrong, *detector.levels[1:]))


def test_a_concatenation_of_other_parts_is_refused() -> None:
    detector = DETECTORS["yolov3-custom"]
    first, *rest = detector.levels[1].neck
    parts = tuple(reversed(first.in_parts))
    wrong = replace(detector.levels[1], neck=(replace(first, in_parts=parts), *rest))

    with pytest.raises(ValueError, match=r"levels.1.neck must begin with the concatenation"):
        replace(detector, levels=(detector.levels[0], wrong, detector.levels[2]))
