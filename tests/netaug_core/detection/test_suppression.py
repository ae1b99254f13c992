"""Suppression against torchvision's own, and boxes back in their pictures."""

import pytest
import torch
from torchvision.ops import batched_nms

from netaug_core.detection.placement import letterboxed, stretched
from netaug_core.detection.suppression import Found, Limits, in_pictures, suppress

SIZE = 128


def test_the_kept_boxes_are_torchvisions() -> None:
    generator = torch.Generator().manual_seed(0)
    corner = 60 * torch.rand(2, 200, 2, generator=generator)
    boxes = torch.cat([corner, corner + 5 + 30 * torch.rand(2, 200, 2, generator=generator)], 2)
    scores = torch.rand(2, 200, 3, generator=generator)
    limits = Limits(least_score=0.3, overlap=0.5, candidates=10_000, per_picture=10_000)

    found = suppress(boxes, scores, limits, input_size=SIZE)

    for index, one in enumerate(found):
        anchor, label = torch.nonzero(scores[index] > 0.3).unbind(1)
        sure = scores[index, anchor, label]
        kept = batched_nms(boxes[index, anchor], sure, label, 0.5)
        assert torch.equal(one.boxes, boxes[index, anchor[kept]])
        assert torch.equal(one.scores, sure[kept])
        assert torch.equal(one.labels, label[kept])


def test_boxes_of_other_classes_do_not_suppress_each_other() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0]]])
    scores = torch.tensor([[[0.9, 0.6], [0.8, 0.0]]])

    found = suppress(boxes, scores, Limits(), input_size=SIZE)[0]

    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        (Limits(), 4),
        (Limits(per_picture=3), 3),
        (Limits(candidates=2), 2),
        (Limits(least_score=0.35), 2),
        (Limits(least_score=0.9), 0),
    ],
)
def test_limits_keep_the_surest(limits: Limits, count: int) -> None:
    places = torch.arange(4.0)[:, None] * 20
    boxes = (places + torch.tensor([0.0, 0.0, 10.0, 10.0]))[None]
    scores = torch.tensor([[[0.2], [0.4], [0.3], [0.5]]])

    found = suppress(boxes, scores, limits, input_size=SIZE)[0]

    assert found.scores.tolist() == pytest.approx([0.5, 0.4, 0.3, 0.2][:count])


def test_boxes_go_back_into_their_pictures_and_are_cut_at_the_border() -> None:
    boxes = torch.tensor([[8.0, 24.0, 40.0, 40.0], [-8.0, 0.0, 64.0, 80.0]])
    found = Found(boxes, torch.tensor([0.9, 0.8]), torch.tensor([1, 0]))

    wide = in_pictures([found], [letterboxed(128, 64, 64)])[0]
    plain = in_pictures([found], [stretched(128, 64, 64)])[0]

    # Half as large, 16 pixels of border above and below
    assert wide.boxes.tolist() == [[16, 16, 80, 48], [0, 0, 128, 64]]
    assert plain.boxes.tolist() == [[16, 24, 80, 40], [0, 0, 128, 64]]
    assert plain.labels.tolist() == [1, 0]


@pytest.mark.parametrize("place", [stretched, letterboxed])
def test_undoing_a_placement_gives_the_boxes_back(place: object) -> None:
    assert callable(place)
    boxes = torch.tensor([[3.0, 5.0, 200.0, 101.0], [0.0, 0.0, 333.0, 217.0]])
    placement = place(333, 217, 96)

    there = placement.apply(boxes)

    assert there.min() >= 0
    assert there.max() <= 96
    torch.testing.assert_close(placement.undo(there), boxes, rtol=1e-5, atol=1e-3)


def test_a_box_that_leaves_the_input_does_not_reach_another_class() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 400.0, 400.0], [-400.0, -400.0, 100.0, 100.0]]])
    scores = torch.tensor([[[0.9, 0.0], [0.0, 0.8]]])

    found = suppress(boxes, scores, Limits(), input_size=416)[0]

    assert found.labels.tolist() == [0, 1]
    assert found.boxes.tolist() == [[0, 0, 400, 400], [0, 0, 100, 100]]
