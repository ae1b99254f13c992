"""A detection job's data must be a detector's, and have something to learn and to score."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.detection.annotation import Annotation
from netaug_core.errors import BadData
from netaug_core.spec import JobSpec
from netaug_core.tasks.registry import open_task
from tests.netaug_core import detection_sets, small_detection, small_training
from tests.netaug_core.small_detection import CLASSES, SIDE

LARGE = (((4, 4, 40, 40), 0, False),)
SMALL = (((4, 4, 20, 12), 1, False),)


def write(root: Path, trainval: list[Any], name: str = "set") -> None:
    """A set in VOC's form, of pictures with these objects; its test part has two."""
    parts = {"trainval": part(root / name, "a", trainval)}
    parts["test"] = part(root / name, "b", [LARGE, SMALL])
    write_voc(root / name, parts, CLASSES)


def part(folder: Path, prefix: str, all_objects: list[Any]) -> DetectionPart:
    pictures = folder / "JPEGImages"
    pictures.mkdir(parents=True, exist_ok=True)
    paths = [pictures / f"{prefix}{number}.png" for number in range(len(all_objects))]
    for path in paths:
        Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(path)
    annotations: list[Annotation] = [
        detection_sets.annotation(*objects, width=SIDE, height=SIDE) for objects in all_objects
    ]
    return DetectionPart(tuple(paths), tuple(annotations))


def spec(**detection: object) -> JobSpec:
    return small_detection.spec({"data": {"dataset": "set"}, "detection": detection})


def test_pictures_with_labels_are_nothing_to_detect_in(tmp_path: Path) -> None:
    small_training.write_data(tmp_path)
    asked = small_detection.spec({"data": {"dataset": small_training.DATASET}})

    with pytest.raises(BadData, match="stripes has labels of whole pictures, and task is detect"):
        open_task(asked, (tmp_path,))


def test_boxes_are_nothing_to_classify(tmp_path: Path) -> None:
    write(tmp_path, [LARGE, SMALL])
    asked = JobSpec.model_validate(small_training.document({"data": {"dataset": "set"}}))

    with pytest.raises(BadData, match=r"set has objects in boxes, and task is classification; set"):
        open_task(asked, (tmp_path,))


def test_a_validation_part_without_objects_is_refused(tmp_path: Path) -> None:
    anchors = [[side, side] for side in range(4, 40, 4)]
    for place in range(4):  # one of four pictures has an object; one is for validation
        root = tmp_path / str(place)
        write(root, [LARGE if number == place else () for number in range(4)])
        with pytest.raises(BadData, match=r"the (training|validation) part of set has no object"):
            open_task(spec(anchors=anchors), (root,))


def test_objects_of_too_few_sizes_give_no_anchors(tmp_path: Path) -> None:
    write(tmp_path, [LARGE, SMALL, LARGE, SMALL])

    with pytest.raises(BadData, match=r"^detection\.anchors.*9"):
        open_task(spec(), (tmp_path,))
