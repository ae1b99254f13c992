"""The passes of a step share their targets, at any size and for any part of the batch."""

import torch
from torch import Tensor

from netaug_core.detection.coding import coding
from netaug_core.detection.objective import DetectionObjective
from tests.netaug_core.detection_cases import ANCHORS, CPU, SIZE, YOLO, random_objects

OBJECTIVE = DetectionObjective(coding(YOLO, ANCHORS))


def raw(pictures: int, size: int) -> Tensor:
    anchors = YOLO.num_anchors(size)
    return torch.randn(pictures, anchors, 9, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_the_sum_of_the_codings_terms() -> None:
    targets = OBJECTIVE.targets(random_objects(7, 3), 3, SIZE)

    loss = OBJECTIVE(raw(3, SIZE), targets)

    terms = OBJECTIVE.coding.loss(raw(3, SIZE), targets.assignment, targets.known)
    assert loss == terms.boxes + terms.objectness + terms.classes


def test_the_first_pictures_are_scored_alone() -> None:
    wanted = random_objects(7, 3)
    some = wanted.take(wanted.picture < 2)

    first = OBJECTIVE.targets(wanted, 3, SIZE).first(2)

    expected = OBJECTIVE.targets(some, 2, SIZE)
    assert OBJECTIVE(raw(2, SIZE), first) == OBJECTIVE(raw(2, SIZE), expected)
    assert len(first.objects) == len(some)


def test_at_another_size_the_objects_move_with_the_pictures() -> None:
    targets = OBJECTIVE.targets(random_objects(7, 3), 3, SIZE)

    larger = OBJECTIVE.resized(targets, 96)

    assert torch.equal(larger.objects.boxes, targets.objects.boxes * 1.5)
    assert larger.known.input_size == 96
    assert torch.isfinite(OBJECTIVE(raw(3, 96), larger))


def test_the_anchors_of_a_size_are_made_once() -> None:
    assert OBJECTIVE.known(SIZE, CPU) is OBJECTIVE.known(SIZE, CPU)
