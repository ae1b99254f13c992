"""Writes what was read or made as a folder of COCO's layout."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netaug_core.data.detection import placing
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.detection.annotation import Annotation
from netaug_core.detection_sets import COCO_ANNOTATIONS

Document = dict[str, Any]  # JSON


def write_coco(
    folder: Path, parts: Mapping[str, DetectionPart], class_names: Sequence[str]
) -> None:
    """A file of annotations and a folder of pictures for each part, ids from 1 on.

    Args:
        folder: of the whole; pictures that are in their place there already stay.
        parts: by name: "train" and "val".
        class_names: the categories.

    Raises:
        BadData: two pictures of a part have one name.
    """
    (folder / COCO_ANNOTATIONS).mkdir(parents=True, exist_ok=True)
    categories = [
        {"id": number, "name": name, "supercategory": "object"}
        for number, name in enumerate(class_names, 1)
    ]
    for name, part in parts.items():
        placing.refuse_twins([part])
        (folder / name).mkdir(exist_ok=True)
        for path in part.paths:
            placing.place(path, folder / name / path.name)
        document = {
            "images": _images(part),
            "annotations": _objects(part.annotations),
            "categories": categories,
        }
        (folder / COCO_ANNOTATIONS / f"instances_{name}.json").write_text(json.dumps(document))


def _images(part: DetectionPart) -> list[Document]:
    return [
        {"id": number, "file_name": path.name, "width": a.width, "height": a.height}
        for number, (path, a) in enumerate(zip(part.paths, part.annotations, strict=True), 1)
    ]


def _objects(annotations: Sequence[Annotation]) -> list[Document]:
    objects: list[Document] = []
    for image_id, annotation in enumerate(annotations, 1):
        for row in range(len(annotation)):
            left, top, right, bottom = (float(side) for side in annotation.boxes[row])
            objects.append(
                {
                    "id": len(objects) + 1,
                    "image_id": image_id,
                    "category_id": int(annotation.labels[row]) + 1,
                    # In float64 the difference of two float32 is exact, and so is reading it.
                    "bbox": [left, top, right - left, bottom - top],
                    "area": float(annotation.areas[row]),
                    "iscrowd": int(annotation.crowd[row]),
                    "ignore": int(annotation.difficult[row]),
                }
            )
    return objects
