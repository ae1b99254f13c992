"""COCO's folders, good ones and bad ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netaug_core.data.detection import folder
from netaug_core.data.detection.coco import read_coco
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets

Change = Callable[[dict[str, Any]], None]


def write_changed(root: Path, change: Change, name: str = "val") -> None:
    """A good folder with one of its files changed."""
    detection_sets.write_coco_folder(root)
    path = root / f"annotations/instances_{name}.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_boxes_become_corners_and_areas_are_the_objects(tmp_path: Path) -> None:
    def give_area(document: dict[str, Any]) -> None:
        document["annotations"][0].update(bbox=[4, 6, 20.5, 24], area=123.5, iscrowd=1)

    write_changed(tmp_path, give_area)

    annotation = folder.read_detection_folder(tmp_path).test.annotations[0]

    assert annotation.boxes[0].tolist() == [4, 6, 24.5, 30]
    assert annotation.areas[0] == 123.5
    assert annotation.crowd.tolist() == [True, False]
    assert annotation.ignored.tolist() == [True, False]


def test_ids_of_categories_may_have_gaps_and_any_order(tmp_path: Path) -> None:
    new_ids = {1: 90, 2: 7, 3: 13}

    def renumber(document: dict[str, Any]) -> None:
        for category in document["categories"]:
            category["id"] = new_ids[category["id"]]
        for one in document["annotations"]:
            one["category_id"] = new_ids[one["category_id"]]

    write_changed(tmp_path, renumber, "train")
    path = tmp_path / "annotations/instances_val.json"
    document = json.loads(path.read_text())
    renumber(document)
    path.write_text(json.dumps(document))

    read = read_coco(tmp_path)

    assert read.class_names == ("coat", "shoe", "bag")  # 7, 13, 90
    assert read.train.annotations[0].labels.tolist() == [2, 1]


def test_files_of_a_year_have_their_own_folder_of_pictures(tmp_path: Path) -> None:
    detection_sets.write_coco_folder(tmp_path)
    for name in ("train", "val"):
        (tmp_path / name).rename(tmp_path / f"{name}2017")
        annotations = tmp_path / "annotations"
        (annotations / f"instances_{name}.json").rename(annotations / f"instances_{name}2017.json")

    assert read_coco(tmp_path).train.paths[0].parent.name == "train2017"


def test_the_two_empty_boxes_of_the_official_file_are_left_out(tmp_path: Path) -> None:
    def insert(document: dict[str, Any]) -> None:
        document["images"][0]["id"] = 200_365
        for one in document["annotations"]:
            if one["image_id"] == 1:
                one["image_id"] = 200_365
        document["annotations"].append(
            {"id": 918, "image_id": 200_365, "category_id": 1, "bbox": [9.6, 8.3, 1.03, 0.0]}
        )

    write_changed(tmp_path, insert)

    assert len(read_coco(tmp_path).test.annotations[0]) == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"bbox": [4, 6, 58, 24]}, r"annotation 1 \(image 1\): the box \[4, 6, 58, 24\] leaves"),
        ({"bbox": [4, 6, -3, 24]}, "is inverted"),
        ({"bbox": [4, 6, 0, 24]}, "is empty"),
        ({"bbox": [4, float("nan"), 3, 24]}, "is not made of finite numbers"),
        ({"bbox": [4, 6, float("inf"), 24]}, "is not made of finite numbers"),
        ({"bbox": [4, 6, 3]}, r"annotations\.0\.bbox: List should have at least 4 items"),
        ({"bbox": [4, 6, "3", 1]}, r"annotations\.0\.bbox\.2: Input should be a valid number"),
        ({"category_id": 44}, r"annotation 1: category_id 44 is not in categories \(ids 1 to 3\)"),
        ({"image_id": 44}, "annotation 1: image_id 44 is not in images"),
        ({"area": -1.0}, "annotation 1: area must be a finite number from 0 on; got -1"),
        ({"area": float("nan")}, "area must be a finite number"),
        ({"iscrowd": 2}, r"annotations\.0\.iscrowd: Input should be 0 or 1; got '2'"),
        ({"id": 2}, "annotations: id 2 is there twice"),
    ],
    ids=str,
)
def test_a_bad_object_is_named(tmp_path: Path, fields: dict[str, object], sentence: str) -> None:
    write_changed(tmp_path, lambda document: document["annotations"][0].update(fields))

    with pytest.raises(BadData, match=rf"(?s)instances_val\.json.*{sentence}"):
        read_coco(tmp_path)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"file_name": "gone.png"}, r"gone\.png: the picture is missing"),
        ({"file_name": "../train/train_0.png"}, "image 1: file_name: the path .* leaves the"),
        ({"file_name": "/etc/passwd"}, "leaves the folder"),
        ({"file_name": "val_1.png"}, r"file_name 'val_1\.png' has two entries; a picture has one"),
        ({"id": 2}, "images: id 2 is there twice"),
        ({"width": 61}, "the picture is 60 x 40, but its annotation says 61 x 40"),
        ({"height": 0}, r"images\.0\.height: Input should be greater than or equal to 1"),
        ({"height": None}, r"images\.0\.height: Input should be a valid integer"),
    ],
    ids=str,
)
def test_a_bad_picture_is_named(tmp_path: Path, fields: dict[str, object], sentence: str) -> None:
    write_changed(tmp_path, lambda document: document["images"][0].update(fields))

    with pytest.raises(BadData, match=f"(?s){sentence}"):
        read_coco(tmp_path)


def test_a_linked_picture_is_refused(tmp_path: Path) -> None:
    detection_sets.write_coco_folder(tmp_path)
    (tmp_path / "val" / "val_0.png").rename(tmp_path / "val_0.png")
    (tmp_path / "val" / "val_0.png").symlink_to(tmp_path / "val_0.png")

    with pytest.raises(BadData, match=r"val_0\.png is a link"):
        read_coco(tmp_path)


@pytest.mark.parametrize("name", ["val", "annotations"])
def test_a_folder_behind_a_link_is_refused(tmp_path: Path, name: str) -> None:
    detection_sets.write_coco_folder(tmp_path)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadData, match=rf"{name} is a link"):
        read_coco(tmp_path)


def test_both_files_must_have_the_same_categories(tmp_path: Path) -> None:
    write_changed(tmp_path, lambda document: document["categories"][0].update(name="purse"))

    with pytest.raises(BadData, match=r"differ from those of instances_train\.json \(\['bag'"):
        read_coco(tmp_path)


def test_a_category_of_one_name_twice_is_named(tmp_path: Path) -> None:
    write_changed(tmp_path, lambda document: document["categories"][0].update(name="shoe"))

    with pytest.raises(BadData, match="categories: name 'shoe' is there twice"):
        read_coco(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"images": []}', "[" * 100_000], ids=len)
def test_a_file_that_is_no_coco_file_is_named(tmp_path: Path, text: str) -> None:
    detection_sets.write_coco_folder(tmp_path)
    (tmp_path / "annotations/instances_val.json").write_text(text)

    with pytest.raises(BadData, match=r"instances_val\.json is not a COCO file of objects"):
        read_coco(tmp_path)


def test_a_missing_list_is_named_without_the_rest_of_the_file(tmp_path: Path) -> None:
    write_changed(tmp_path, lambda document: document.pop("categories"))

    with pytest.raises(BadData, match=r"correct it:\n  categories: Field required$"):
        read_coco(tmp_path)


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    detection_sets.write_coco_folder(tmp_path)
    (tmp_path / "annotations/instances_val.json").unlink()

    with pytest.raises(BadData, match=r"needs one instances_val\.json .*; got none"):
        read_coco(tmp_path)
