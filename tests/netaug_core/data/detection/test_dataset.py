"""A dataset's parts."""

from pathlib import Path

import pytest

from netaug_core import datasets
from netaug_core.data.dataset import Dataset
from netaug_core.data.detection import dataset
from netaug_core.data.detection.coco_writer import write_coco
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets


def open_detection(location: Path, fraction: float) -> Dataset[DetectionPart]:
    info = datasets.find(location.name, (location.parent,))
    return dataset.open_detection(info, fraction, "stretch")


def test_validation_is_taken_from_the_training_part_the_same_every_time(tmp_path: Path) -> None:
    detection_sets.write_voc_folder(tmp_path)

    opened = open_detection(tmp_path, 0.25)

    assert (len(opened.train), len(opened.validation), len(opened.test)) == (3, 1, 4)
    assert not set(opened.train.paths) & set(opened.validation.paths)
    assert opened.train.paths == open_detection(tmp_path, 0.25).train.paths
    for path, annotation in zip(opened.train.paths, opened.train.annotations, strict=True):
        number = int(path.stem.removeprefix("trainval_"))
        assert annotation.equals(detection_sets.annotation(*detection_sets.OBJECTS[number]))


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 1), (0.5, 2), (1.0, 2)])
def test_each_part_keeps_a_picture(tmp_path: Path, fraction: float, expected: int) -> None:
    detection_sets.write_coco_folder(tmp_path)

    opened = open_detection(tmp_path, fraction)

    assert len(opened.validation) == expected
    assert len(opened.train) == 4 - expected


def test_two_pictures_cannot_be_split(tmp_path: Path) -> None:
    part = detection_sets.part(tmp_path / "train", "train")
    other = detection_sets.part(tmp_path / "val", "val")
    two = DetectionPart(part.paths[:2], part.annotations[:2])
    write_coco(tmp_path, {"train": two, "val": other}, detection_sets.CLASSES)

    with pytest.raises(BadData, match="has 2 training pictures; it needs at least 3"):
        open_detection(tmp_path, 0.1)
