"""Average precision, worked out by hand and by another program."""

import math

import numpy as np
import pytest

from netaug_core.detection import average_precision, coco_score
from netaug_core.detection.average_precision import area, eleven_points
from netaug_core.detection.matching import Curve, curve
from tests.netaug_core.detection.detections import A, B, by_hand, found_of, many, truth_of

RECALLS = np.linspace(0, 1, 101)


def test_the_curve_counts_right_and_wrong_in_order_of_score() -> None:
    of_class = curve(*by_hand(), 0)

    assert of_class.num_objects == 3
    assert of_class.scores.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.5])
    assert of_class.right.tolist() == [1, 1, 2, 2]
    assert of_class.wrong.tolist() == [0, 1, 1, 2]
    assert of_class.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert of_class.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])


def test_the_area_worked_out_by_hand() -> None:
    # The best precision is 1 up to a recall of 1/3, 2/3 up to 2/3, and nothing beyond.
    assert area(curve(*by_hand(), 0)) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3, abs=1e-12)


def test_the_eleven_points_worked_out_by_hand() -> None:
    # Recalls 0, 0.1, 0.2, 0.3: 1. Recalls 0.4, 0.5, 0.6: 2/3. Recalls 0.7 to 1: 0.
    expected = (4 * 1 + 3 * 2 / 3) / 11

    assert eleven_points(curve(*by_hand(), 0)) == pytest.approx(expected, abs=1e-12)


def test_a_recall_of_three_tenths_is_reached_by_three_of_ten() -> None:
    """In floating point 3 / 10 < 0.1 * 3."""
    three_of_ten = Curve(10, np.ones(3, np.float32), np.array([1, 2, 3]), np.zeros(3, np.int64))

    assert eleven_points(three_of_ten) == pytest.approx(4 / 11)


def test_the_mean_is_over_the_classes_that_have_objects() -> None:
    truth, found = by_hand()

    score = average_precision.score(truth, found, ("a", "b"))

    assert score.mean == pytest.approx(5 / 9)
    assert [one.average_precision for one in score.classes] == [pytest.approx(5 / 9), None]


def test_without_any_object_there_is_no_mean() -> None:
    assert math.isnan(average_precision.score([truth_of([])], [found_of((A, 0.5))], ("a",)).mean)


@pytest.mark.parametrize("definition", ["voc07", "voc10"])
def test_finding_nothing_scores_nothing(definition: average_precision.Definition) -> None:
    score = average_precision.score([truth_of([A])], [found_of()], ("a",), definition)

    assert score.mean == 0.0


def test_an_object_of_another_class_is_not_found() -> None:
    truth, found = [truth_of([A], label=1)], [found_of((A, 0.9), label=0)]

    score = average_precision.score(truth, found, ("a", "b"))

    assert [one.average_precision for one in score.classes] == [None, 0.0]
    assert score.classes[0].curve.wrong.tolist() == [1]


def test_a_taken_object_is_not_exchanged_for_the_second_best() -> None:
    """VOC: a detection is judged by the object that it overlaps most, taken or not."""
    beside = (0, 0, 10, 18)  # overlaps A by 10/18, and A's neighbour by less
    neighbour = (0, 5, 10, 20)  # overlaps `beside` by 13/20: more, so `beside` is its
    truth = [truth_of([neighbour, A])]

    both = curve(truth, [found_of((neighbour, 0.9), (beside, 0.8))], 0)

    assert both.right.tolist() == [1, 1]
    assert both.wrong.tolist() == [0, 1]


def test_an_overlap_of_exactly_half_is_enough() -> None:
    half = curve([truth_of([A])], [found_of(((0, 0, 10, 5), 0.5))], 0)
    less = curve([truth_of([A])], [found_of(((0, 0, 10, 4.99), 0.5))], 0)

    assert (half.right.tolist(), less.right.tolist()) == ([1], [0])


def test_coco_s_program_gives_what_is_worked_out_by_hand() -> None:
    score = coco_score.score(*by_hand(), ("a", "b"))

    # Recalls 0.00 to 0.33: 1. Recalls 0.34 to 0.66: 2/3. Beyond: 0.
    assert score.ap50 == pytest.approx((34 * 1 + 33 * 2 / 3) / 101, abs=1e-9)
    # B is overlapped by 0.8: it is found up to there, and only A from 0.85 on.
    only_a = 34 / 101
    with_b = (34 * 1 + 33 * 2 / 3) / 101
    assert score.ap75 == pytest.approx(with_b, abs=1e-9)
    assert score.ap == pytest.approx((7 * with_b + 3 * only_a) / 10, abs=1e-9)
    assert [one.ap50 for one in score.classes] == [pytest.approx(with_b), None]


def test_coco_s_sizes_are_told_apart() -> None:
    truth = [truth_of([A, (0, 0, 40, 40)])]  # 100 and 1,600 pixels: small and medium

    score = coco_score.score(truth, [found_of((A, 0.9))], ("a",))

    assert (score.ap_small, score.ap_medium, score.ap_large) == (pytest.approx(1.0), 0.0, None)


def test_coco_s_program_takes_pictures_without_detections_or_objects() -> None:
    assert coco_score.score([truth_of([A]), truth_of([])], [found_of()] * 2, ("a",)).ap == 0.0
    assert coco_score.score([truth_of([])], [found_of((B, 0.4))], ("a",)).ap is None


def test_both_programs_agree_where_their_definitions_meet() -> None:
    truth, found = many()
    names = ("a", "b", "c")

    voc = average_precision.score(truth, found, names)
    coco = coco_score.score(truth, found, names)

    assert coco.ap50 is not None
    assert 0.9 < voc.mean < 0.99
    # The area below the curve, and the mean of it at 101 recalls: as precision hardly falls,
    # ((1 + 0.95) / 2 - 0.95) / 100 apart.
    assert voc.mean == pytest.approx(coco.ap50, abs=1e-3)
    for ours, theirs in zip(voc.classes, coco.classes, strict=True):
        assert theirs.precision50 == pytest.approx(ours.curve.best_precision(RECALLS), abs=1e-12)


def test_the_curve_at_a_few_recalls() -> None:
    recalls = np.array([0.0, 1 / 3, 0.34, 2 / 3, 0.67, 1.0])

    best = curve(*by_hand(), 0).best_precision(recalls)

    assert best.tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3, 0, 0])
    assert curve([truth_of([A])], [found_of()], 0).best_precision(recalls).tolist() == [0] * 6
