"""From one form into the other and back, nothing is lost."""

from pathlib import Path

import pytest

from netaug_core.data.detection.coco import read_coco
from netaug_core.data.detection.coco_writer import write_coco
from netaug_core.data.detection.folder import digest
from netaug_core.data.detection.parts import DetectionDataset, DetectionPart
from netaug_core.data.detection.voc import read_voc
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets


def same(one: DetectionDataset, other: DetectionDataset) -> bool:
    return one.class_names == other.class_names and all(
        len(mine) == len(theirs)
        and all(a.equals(b) for a, b in zip(mine.annotations, theirs.annotations, strict=True))
        and all(
            a.read_bytes() == b.read_bytes() for a, b in zip(mine.paths, theirs.paths, strict=True)
        )
        for mine, theirs in ((one.train, other.train), (one.test, other.test))
    )


def test_voc_to_coco_and_back_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    detection_sets.write_voc_folder(tmp_path / "voc")
    voc = read_voc(tmp_path / "voc")

    write_coco(tmp_path / "coco", {"train": voc.train, "val": voc.test}, voc.class_names)
    coco = read_coco(tmp_path / "coco")
    write_voc(tmp_path / "again", {"trainval": coco.train, "test": coco.test}, coco.class_names)

    assert voc.train.annotations[2].difficult.any()
    assert same(voc, coco)
    assert same(voc, read_voc(tmp_path / "again"))


def test_boxes_between_pixels_keep_every_bit_in_coco(tmp_path: Path) -> None:
    part = detection_sets.part(tmp_path / "train")
    between = detection_sets.annotation(((0.1, 1 / 3, 59.999, 39.7), 1, False))
    one = DetectionPart(part.paths[:1], (between,))
    other = DetectionPart(part.paths[1:2], (between,))

    write_coco(tmp_path / "coco", {"train": one, "val": other}, detection_sets.CLASSES)

    assert read_coco(tmp_path / "coco").train.annotations[0].equals(between)


def test_voc_cannot_say_crowd(tmp_path: Path) -> None:
    part = detection_sets.part(tmp_path / "train")
    crowd = detection_sets.annotation(((0, 0, 9, 9), 1, False), crowd=True)

    with pytest.raises(BadData, match="has a crowd, which Pascal VOC cannot say"):
        write_voc(tmp_path, {"test": DetectionPart(part.paths[:1], (crowd,))}, ("a", "b"))


def test_two_pictures_of_one_name_cannot_share_a_folder(tmp_path: Path) -> None:
    parts = {name: detection_sets.part(tmp_path / name) for name in ("trainval", "test")}

    with pytest.raises(BadData, match="would have the same name in one folder"):
        write_voc(tmp_path / "voc", parts, detection_sets.CLASSES)


def test_the_digest_tells_any_change(tmp_path: Path) -> None:
    detection_sets.write_voc_folder(tmp_path / "one")
    detection_sets.write_voc_folder(tmp_path / "other")
    before = digest(tmp_path / "one", read_voc(tmp_path / "one"))

    assert digest(tmp_path / "other", read_voc(tmp_path / "other")) == before
    annotation = tmp_path / "other" / "Annotations" / "test_0.xml"
    annotation.write_text(annotation.read_text().replace("<xmin>5<", "<xmin>6<"))
    assert digest(tmp_path / "other", read_voc(tmp_path / "other")) != before
