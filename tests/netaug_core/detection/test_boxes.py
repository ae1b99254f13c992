"""The objects of a batch."""

import torch

from netaug_core.detection.boxes import Objects


def three_objects() -> Objects:
    return Objects(
        boxes=torch.tensor([[0.0, 0, 4, 4], [1, 1, 3, 2], [2, 0, 4, 4]]),
        labels=torch.tensor([5, 6, 7]),
        picture=torch.tensor([0, 0, 2]),
        ignore=torch.tensor([False, True, False]),
    )


def test_what_is_taken_keeps_its_class_and_its_picture() -> None:
    objects = three_objects()

    counted = objects.take(~objects.ignore)

    assert len(counted) == 2
    assert counted.labels.tolist() == [5, 7]
    assert counted.picture.tolist() == [0, 2]
    assert counted.boxes.tolist() == [[0, 0, 4, 4], [2, 0, 4, 4]]


def test_objects_move_to_a_device_whole() -> None:
    moved = three_objects().to(torch.device("meta"))

    assert {t.device.type for t in (moved.boxes, moved.labels, moved.picture, moved.ignore)} == {
        "meta"
    }
