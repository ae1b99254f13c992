"""Anchors: clusters by hand, the same by seed, and lists that are refused."""

import numpy as np
import pytest

from netaug_core.detection import anchors
from tests.netaug_core.detection_cases import ANCHORS, YOLO


def test_overlap_of_shapes_is_computed_by_hand() -> None:
    # 4 x 2 in 2 x 4: 2 x 2 common of 8 + 8 - 4; in itself: all.
    overlaps = anchors.overlap(np.array([[4.0, 2.0]]), np.array([[2.0, 4.0], [4.0, 2.0]]))

    assert overlaps.tolist() == [[pytest.approx(1 / 3), 1.0]]


def test_groups_far_from_each_other_are_found_as_their_means() -> None:
    groups = [(8.0, 8.0), (10.0, 10.0), (30.0, 10.0), (34.0, 10.0), (60.0, 58.0)]

    found = anchors.find(np.array(groups), 3, seed=0)

    assert found == ((9.0, 9.0), (32.0, 10.0), (60.0, 58.0))


def test_the_same_seed_finds_the_same_and_no_anchor_is_left_over() -> None:
    shapes = np.random.default_rng(0).uniform(4, 60, (500, 2))

    once, again = (anchors.find(shapes, 9, seed=3) for _ in range(2))

    assert once == again
    nearest = anchors.overlap(shapes, np.array(once)).argmax(1)
    assert set(nearest) == set(range(9))


def test_more_anchors_than_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="9 shapes cannot be found in 2 different sizes"):
        anchors.find(np.array([[3.0, 4.0]] * 20 + [[5.0, 4.0]]), 9, seed=0)


def test_small_anchors_belong_to_small_strides() -> None:
    levels = anchors.by_level(tuple(reversed(ANCHORS)), YOLO)

    assert levels == [ANCHORS[6:], ANCHORS[3:6], ANCHORS[:3]]  # strides 32, 16, 8


@pytest.mark.parametrize(
    ("shapes", "fault"),
    [
        (ANCHORS[1:], "yolov3 needs 9 shapes, 3 at each of 3 scales; got 8"),
        ((*ANCHORS[1:], (0.0, 4.0)), r"anchors.8: a width and a height in pixels above 0; got 0.0"),
        ((*ANCHORS[1:], (4.0, float("nan"))), r"anchors.8: .* got 4.0, nan"),
    ],
)
def test_anchors_that_the_detector_cannot_have_are_refused(
    shapes: tuple[anchors.Shape, ...], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        anchors.by_level(shapes, YOLO)
