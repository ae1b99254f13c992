"""The paper's detector, against the MACs of its figure."""

import pytest

from netaug_core import cost
from netaug_core.detectors.yolov3 import yolov3
from tests.netaug_core.detector_tables import classifier
from tests.netaug_core.networks import own

PAPER_WIDTH = 0.35
# Input size and millions of MACs, recovered from the paper's figures of Pascal VOC and COCO.
VOC = {256: 100.2, 288: 126.8, 320: 156.6, 352: 189.5, 384: 225.5, 416: 264.6}
COCO = {288: 153.0, 320: 188.8, 352: 228.5, 384: 271.9, 416: 319.1, 448: 370.1}


@pytest.mark.parametrize(
    ("classes", "size", "millions"),
    [(20, *point) for point in VOC.items()] + [(80, *point) for point in COCO.items()],
)
def test_macs_are_those_of_the_papers_figure(classes: int, size: int, millions: float) -> None:
    detector = yolov3(classifier("mobilenet_v2", PAPER_WIDTH, classes))

    assert cost.measure(detector, size).macs / 1e6 == pytest.approx(millions, abs=0.05)


def test_it_taps_the_last_block_at_each_stride_up_to_the_112_channels() -> None:
    detector = yolov3(classifier("mobilenet_v2", PAPER_WIDTH, 20))

    assert [level.stride for level in detector.levels] == [32, 16, 8]
    assert [detector.tap_channels(level) for level in detector.levels] == [112, 32, 16]
    assert detector.values_per_anchor == 25
    assert detector.backbone.final is None
    assert detector.num_anchors(416) == 3 * (13**2 + 26**2 + 52**2)


def test_a_network_that_shrinks_the_image_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="custom has blocks at 2, 4, 8, none at 16; use a stem"):
        yolov3(own())


def test_an_input_that_the_scales_do_not_divide_is_refused() -> None:
    detector = yolov3(classifier("mobilenet_v2"))

    with pytest.raises(ValueError, match="must be a multiple of 32 for yolov3; got 300; use 288"):
        cost.measure(detector, 300)
