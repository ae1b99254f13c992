"""What a spec says of a detector is judged before anything is trained."""

from typing import Any

import pytest
from pydantic import ValidationError

from netaug_core.spec import JobSpec
from tests.netaug_core import small_detection

SQUARES: list[list[float]] = [[side, side] for side in range(4, 40, 4)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model": {"input_size": 100}},
            "input_size: must be a multiple of 32 for yolov3",
        ),
        ({"detection": {"sides": [64, 70]}}, r"detection\.sides\.1: must be a multiple of 32"),
        (
            {"augment": {"input_scale": 0.75}},
            r"augment\.input_scale x 64: must be a multiple",
        ),
        ({"detection": {"anchors": SQUARES[:8]}}, "give 9 anchors.*got 8"),
        ({"detection": {"anchors": [*SQUARES, [9, 9]]}}, "give 9 anchors.*got 10"),
        ({"detection": {"anchors": [[0, 5], *SQUARES[1:]]}}, "anchor 0 needs a width and a height"),
        (
            {"detection": {"anchors": [*SQUARES[:8], [5, -1]]}},
            "anchor 8 needs a width",
        ),
        ({"detection": {"anchors": [[float("inf"), 5], *SQUARES[1:]]}}, "anchors"),
        ({"detection": {"anchors": [[float("nan"), 5], *SQUARES[1:]]}}, "anchors"),
        ({"detection": {"anchors": [[5], *SQUARES[1:]]}}, "anchors"),
        ({"detection": {"width": 0.5}}, "width is ssdlite's"),
        ({"detection": {"detector": "ssdlite", "anchors": SQUARES}}, "anchors is yolov3's"),
        ({"model": {"dropout": 0.2}}, r"model\.dropout is for classification"),
        ({"data": {"mixup": 0.2}}, r"data\.mixup is for classification.*detection\.mosaic"),
        ({"augment": {"distill": 0.5}}, r"augment\.distill is for classification"),
        ({"distillation": {"teacher": "job_1"}}, "distillation is for classification"),
        ({"task": "classification"}, "detection is given, and task is classification"),
        ({"detection": None}, "task is detection, and detection is null"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_with_its_field(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){sentence}"):
        small_detection.spec(changes)


def test_ssdlite_takes_any_size() -> None:
    changes = {"model": {"input_size": 100}, "detection": {"detector": "ssdlite"}}

    assert small_detection.spec(changes).model.input_size == 100


def test_a_detection_job_has_the_papers_detector_without_a_word() -> None:
    document = small_detection.document()
    del document["detection"]

    spec = JobSpec.model_validate(document)

    assert spec.detection is not None
    assert spec.detection.detector == "yolov3"
