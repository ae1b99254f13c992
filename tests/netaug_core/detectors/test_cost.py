"""Costs of a detector, by hand."""

from netaug_core.detectors import cost
from netaug_core.detectors.table import Detector
from tests.netaug_core.detector_tables import DETECTORS, SIZE, each_detector


def held(detector: Detector) -> dict[str, int]:
    return {o.name: o.held_elements for o in cost.trace(detector, SIZE)}


@each_detector
def test_every_convolution_is_counted_once(detector: Detector) -> None:
    names = [o.name for o in cost.trace(detector, SIZE) if o.params]

    assert sorted(names) == sorted(detector.convolutions())


def test_taps_and_answers_wait_for_those_who_read_them() -> None:
    waiting = held(DETECTORS["yolov3-custom"])
    # 64 pixels: taps of 8 x 8 x 8, 10 x 4 x 4 and 14 x 2 x 2; answers of 3 x (5 + 4) a cell
    assert waiting["blocks.0.expand"] == 0
    assert waiting["blocks.2.second"] == 8 * 8 * 8 + 8 * 8 * 8  # a tap, and the block's own input
    assert waiting["levels.0.neck.first"] == 8 * 64 + 10 * 16
    assert waiting["levels.0.heads.objects.predict"] == 8 * 64 + 10 * 16 + 128 * 4
    assert waiting["levels.1.entry.reduce"] == 8 * 64 + 10 * 16 + 27 * 4
    assert waiting["levels.1.neck.first"] == 8 * 64 + 27 * 4
    assert waiting["levels.2.heads.objects.predict"] == 27 * 4 + 27 * 16
