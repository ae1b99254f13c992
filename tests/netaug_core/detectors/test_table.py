"""A detector's table refuses what cannot run."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from netaug_core.detectors.table import Detector, Level
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


def without_heads(level: Level) -> Level:
    return replace(level, heads=())


def of_no_channels(level: Level) -> Level:
    first, *rest = level.neck
    return replace(level, neck=(replace(first, out_channels=0), *rest))


@pytest.mark.parametrize(
    ("number", "change", "sentence"),
    [
        (0, lambda level: replace(level, tap=99), r"levels.0.tap must be one of the 5 blocks"),
        (1, lambda level: replace(level, tap=-1), r"levels.1.tap must be one of the 5 blocks"),
        (0, lambda level: replace(level, tap=None), r"levels.0 reads nothing"),
        (1, lambda level: replace(level, tap=None, entry=()), r"levels.1 reads nothing"),
        (1, lambda level: replace(level, neck=()), r"levels.1.neck must begin with"),
        (2, without_heads, r"levels.2 needs heads"),
        (1, of_no_channels, r"levels.1.neck.first needs channels, kernel and stride of at least 1"),
    ],
)
def test_a_level_that_cannot_run_is_refused(
    number: int, change: Callable[[Level], Level], sentence: str
) -> None:
    detector = DETECTORS["yolov3-custom"]
    levels = list(detector.levels)
    levels[number] = change(levels[number])

    with pytest.raises(ValueError, match=sentence):
        replace(detector, levels=tuple(levels))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "yolov9"}, "kind must be one of"),
        ({"anchors_per_cell": 0}, "anchors_per_cell 0"),
        ({"anchors_per_cell": 2}, r"levels.0.heads give 27 numbers a cell"),
        ({"levels": ()}, "0 levels"),
    ],
)
def test_a_detector_that_cannot_be_read_is_refused(fields: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(DETECTORS["yolov3-custom"], **fields)
