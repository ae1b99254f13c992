"""YOLOv3's assignment and loss, by hand."""

import math

import pytest
import torch
from torchvision.ops import complete_box_iou_loss, generalized_box_iou_loss

from bench.plain_detection import step_loss
from netaug_core.detection.priors import Priors
from netaug_core.detection.yolov3 import Yolov3Coding, encode
from tests.netaug_core.detection_cases import ANCHORS, CPU, SIZE, YOLO, objects, random_objects

LN2 = math.log(2)
CODING = Yolov3Coding.of(YOLO, ANCHORS)
NUM_ANCHORS = 3 * (4 + 16 + 64)
# 24 x 26 about (28, 28): nearest to the square of 24, at stride 16, in column 1 of row 1.
BOX = (16.0, 15.0, 40.0, 41.0)
ITS_ANCHOR = 12 + (1 * 4 + 1) * 3 + 1
# At the same cell, about (24, 24): those of 20 and 28 overlap it by 342 / 682 and 506 / 902.
ITS_NEIGHBOURS = [ITS_ANCHOR - 1, ITS_ANCHOR + 1]


def known() -> Priors:
    return CODING.priors(SIZE, CPU)


def test_each_object_has_one_anchor_and_what_overlaps_it_more_than_half_is_not_counted() -> None:
    targets = CODING.assign(objects([BOX], [2]), 1, known())

    assert targets.anchors.tolist() == [ITS_ANCHOR]
    assert targets.boxes.tolist() == [list(BOX)]
    assert targets.labels.tolist() == [2]
    assert torch.nonzero(~targets.counted[0])[:, 0].tolist() == ITS_NEIGHBOURS


def test_the_loss_of_zeros_is_computed_by_hand() -> None:
    targets = CODING.assign(objects([BOX], [2]), 1, known())

    loss = CODING.loss(torch.zeros(1, NUM_ANCHORS, 9), targets, known())

    # Every cross-entropy at 0 is ln 2; the box counts 2 - 24 x 26 / 64^2 times.
    weight = 2 - 24 * 26 / 64**2
    assert loss.objectness.item() == pytest.approx((NUM_ANCHORS - 2) * LN2, rel=1e-6)
    assert loss.classes.item() == pytest.approx(4 * LN2, rel=1e-6)
    squared = math.log(26 / 24) ** 2
    assert loss.boxes.item() == pytest.approx(weight * (2 * LN2 + squared), rel=1e-5)


def test_the_loss_is_shared_out_over_the_objects() -> None:
    both = objects([BOX, BOX], [2, 2], [0, 1])
    alone = CODING.assign(objects([BOX], [2]), 1, known())
    raw = torch.randn(1, NUM_ANCHORS, 9, generator=torch.Generator().manual_seed(0))

    one = CODING.loss(raw, alone, known())
    two = CODING.loss(raw.repeat(2, 1, 1), CODING.assign(both, 2, known()), known())

    assert two.total.item() == pytest.approx(one.total.item(), rel=1e-5)


def test_an_ignored_object_is_neither_right_nor_wrong() -> None:
    targets = CODING.assign(objects([BOX], ignore=[True]), 1, known())

    assert len(targets.anchors) == 0
    spared = torch.nonzero(~targets.counted[0])[:, 0].tolist()
    assert spared == [ITS_NEIGHBOURS[0], ITS_ANCHOR, ITS_NEIGHBOURS[1]]


def test_a_small_ignored_object_spares_the_anchor_that_would_find_it() -> None:
    targets = CODING.assign(objects([(2.0, 2.0, 6.0, 6.0)], ignore=[True]), 1, known())

    # At the first cell of stride 8, the square of 8: it overlaps 16 of 64, too little otherwise.
    assert torch.nonzero(~targets.counted[0])[:, 0].tolist() == [12 + 48]


def test_the_later_of_two_objects_gets_the_anchor_that_both_want() -> None:
    targets = CODING.assign(objects([BOX, BOX], [1, 3]), 1, known())

    assert targets.anchors.tolist() == [ITS_ANCHOR]
    assert targets.labels.tolist() == [3]


def test_pictures_without_objects_teach_that_nothing_is_there() -> None:
    targets = CODING.assign(objects([]), 2, known())

    loss = CODING.loss(torch.zeros(2, NUM_ANCHORS, 9), targets, known())

    # Each counts as if it had an object: as much as a picture of one.
    assert loss.objectness.item() == pytest.approx(NUM_ANCHORS * LN2, rel=1e-6)
    assert loss.boxes.item() == loss.classes.item() == 0


def test_an_object_at_the_border_has_a_cell_inside() -> None:
    targets = CODING.assign(objects([(54.0, 54.0, 74.0, 74.0)]), 1, known())

    assert targets.anchors.tolist() == [12 + (3 * 4 + 3) * 3]


def test_decoding_gives_back_what_was_encoded() -> None:
    wanted = random_objects(12, 3)
    targets = CODING.assign(wanted, 3, known())
    own = known().take(targets.anchors % NUM_ANCHORS)
    raw = torch.zeros(3 * NUM_ANCHORS, 9)
    code = encode(targets.boxes, own)
    raw[targets.anchors, :2] = code[:, :2].logit()
    raw[targets.anchors, 2:4] = code[:, 2:]

    boxes, _ = CODING.decode(raw.view(3, NUM_ANCHORS, 9), known())

    torch.testing.assert_close(
        boxes.flatten(0, 1)[targets.anchors], targets.boxes, rtol=1e-4, atol=1e-3
    )


def test_a_score_is_objectness_times_the_class() -> None:
    raw = torch.zeros(1, NUM_ANCHORS, 9)
    raw[0, 5, 4], raw[0, 5, 6] = math.log(3), math.log(1 / 3)

    _, scores = CODING.decode(raw, known())

    assert scores[0, 5].tolist() == pytest.approx([0.375, 0.75 * 0.25, 0.375, 0.375])


@pytest.mark.parametrize(
    ("box_loss", "theirs"), [("giou", generalized_box_iou_loss), ("ciou", complete_box_iou_loss)]
)
def test_the_loss_of_boxes_can_be_torchvisions(box_loss: str, theirs: object) -> None:
    coding = Yolov3Coding.of(YOLO, ANCHORS, box_loss)  # type: ignore[arg-type]  # a literal each
    targets = coding.assign(random_objects(6, 2), 2, known())
    raw = torch.randn(2, NUM_ANCHORS, 9, generator=torch.Generator().manual_seed(0))

    loss = coding.loss(raw, targets, known())

    found = coding.decode(raw, known())[0].flatten(0, 1)[targets.anchors]
    assert callable(theirs)
    assert torch.isclose(loss.boxes, theirs(found, targets.boxes, reduction="mean"), rtol=1e-5)


@pytest.mark.parametrize("box_loss", ["squared", "giou", "ciou"])
def test_a_size_next_to_nothing_is_no_nan(box_loss: str) -> None:
    coding = Yolov3Coding.of(YOLO, ANCHORS, box_loss)  # type: ignore[arg-type]  # a literal each
    targets = coding.assign(random_objects(6, 2), 2, known())
    raw = torch.full((2, NUM_ANCHORS, 9), -15.0, requires_grad=True)

    coding.loss(raw, targets, known()).total.backward()

    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_the_first_pictures_of_an_assignment_are_theirs_alone() -> None:
    wanted = random_objects(9, 3)
    some = wanted.take(wanted.picture < 2)

    first = CODING.assign(wanted, 3, known()).first(2)

    expected = CODING.assign(some, 2, known())
    for name in ("anchors", "boxes", "labels", "counted"):
        assert torch.equal(getattr(first, name), getattr(expected, name)), name
    assert first.mean_pairs == expected.mean_pairs


def test_all_pictures_at_once_have_the_loss_of_one_after_the_other() -> None:
    wanted = random_objects(11, 4)
    raw = torch.randn(4, NUM_ANCHORS, 9, generator=torch.Generator().manual_seed(0))
    targets = CODING.assign(wanted, 4, known())
    assert len(targets.anchors) == len(wanted)  # else two objects want one anchor

    loss = CODING.loss(raw, targets, known())

    torch.testing.assert_close(loss.total, step_loss(raw, wanted, known()), rtol=1e-5, atol=1e-5)
