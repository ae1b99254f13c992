"""Writes what was read or made as a folder of Pascal VOC's layout."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from netaug_core.data.detection import placing
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc import ANNOTATIONS, PICTURES
from netaug_core.detection.annotation import Annotation
from netaug_core.detection_sets import CLASSES_FILE, VOC_LISTS
from netaug_core.errors import BadData

CHANNELS = 3


def write_voc(folder: Path, parts: Mapping[str, DetectionPart], class_names: Sequence[str]) -> None:
    """A list for each part, and an annotation and a copy of the picture for each of its pictures.

    Args:
        folder: of the whole; pictures that are in their place there already stay.
        parts: by the name of the list: "trainval" and "test", or "train" and "val".
        class_names: goes into classes.txt.

    Raises:
        BadData: VOC cannot say it: a crowd, or two pictures of one name.
    """
    placing.refuse_twins(parts.values())
    for name in (VOC_LISTS, ANNOTATIONS, PICTURES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for list_name, part in parts.items():
        for path, annotation in zip(part.paths, part.annotations, strict=True):
            placing.place(path, folder / PICTURES / path.name)
            document = ElementTree(_document(path, annotation, class_names))
            indent(document)
            document.write(folder / ANNOTATIONS / f"{path.stem}.xml", encoding="utf-8")
        names = "".join(f"{path.stem}\n" for path in part.paths)
        (folder / VOC_LISTS / f"{list_name}.txt").write_text(names)
    (folder / CLASSES_FILE).write_text("".join(f"{name}\n" for name in class_names))


def _document(path: Path, annotation: Annotation, class_names: Sequence[str]) -> Element:
    if annotation.crowd.any():
        raise BadData(
            f"data.dataset: {path} has a crowd, which Pascal VOC cannot say; write COCO instead"
        )
    root = Element("annotation")
    _add(root, "folder", PICTURES)
    _add(root, "filename", path.name)
    size = SubElement(root, "size")
    for name, value in (
        ("width", annotation.width),
        ("height", annotation.height),
        ("depth", CHANNELS),
    ):
        _add(size, name, str(value))
    _add(root, "segmented", "0")
    for row in range(len(annotation)):
        _add_object(root, annotation, row, class_names)
    return root


def _add_object(
    root: Element, annotation: Annotation, row: int, class_names: Sequence[str]
) -> None:
    element = SubElement(root, "object")
    _add(element, "name", class_names[int(annotation.labels[row])])
    _add(element, "pose", "Unspecified")
    _add(element, "truncated", "0")
    _add(element, "difficult", str(int(annotation.difficult[row])))
    left, top, right, bottom = (float(side) for side in annotation.boxes[row])
    box = SubElement(element, "bndbox")
    # Pixels counted from 1, the last one included.
    for name, side in (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom)):
        _add(box, name, _number(side))


def _number(side: float) -> str:
    return str(int(side)) if math.floor(side) == side else repr(side)


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text
