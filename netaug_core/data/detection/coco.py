"""COCO directories: annotations/instances_{train,val}*.json, and a folder of pictures for each.

The ids of categories may have gaps, as the official ones do: classes are numbered in their order.
"""

from collections.abc import Sequence
from pathlib import Path

from netaug_core.data.detection import checks, coco_json, files
from netaug_core.data.detection.checks import Found
from netaug_core.data.detection.coco_json import CocoCategory, CocoFile, CocoImage, CocoObject
from netaug_core.data.detection.faults import Faults
from netaug_core.data.detection.parts import DetectionDataset, DetectionPart
from netaug_core.detection_sets import COCO_ANNOTATIONS, COCO_FILE
from netaug_core.errors import BadData

SHARED_PICTURES = "images"  # for both parts, where they have no folders of their own
# Two boxes without height in the official instances_train2017.json, (annotation, picture): left
# out, as every reader of that file does.
KNOWN_EMPTY = frozenset({(918, 200_365), (2_206_849, 550_395)})


def read_coco(location: Path) -> DetectionDataset:
    """Read and check a folder of COCO's layout.

    Raises:
        BadData: something is missing or wrong; the first few faults are told.
    """
    faults = Faults()
    files.refuse_links(location, (COCO_ANNOTATIONS,))
    sources = [_source(location, split) for split in ("train", "val")]
    contents = [coco_json.read(path) for path in sources]
    class_names = [_classes(path, c, faults) for path, c in zip(sources, contents, strict=True)]
    _check_same(sources, class_names, faults)
    train, test = (
        _part(location, path, content, faults)
        for path, content in zip(sources, contents, strict=True)
    )
    checks.check_something_to_learn(sources[0], train, faults)
    checks.check_pictures(train, test, faults)
    faults.raise_if_any()
    return DetectionDataset(class_names[0], train, test, form="coco", sources=tuple(sources))


def _source(location: Path, split: str) -> Path:
    folder = location / COCO_ANNOTATIONS
    matches = [(path, COCO_FILE.fullmatch(path.name)) for path in sorted(folder.iterdir())]
    found = [path for path, match in matches if match is not None and match[1] == split]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise BadData(
            f"data.dataset: {folder} needs one instances_{split}.json (a year may follow the "
            f"name); got {names}"
        )
    return found[0]


def _pictures(location: Path, source: Path) -> Path:
    """train2017/ for instances_train2017.json; else images/."""
    own = location / source.stem.removeprefix("instances_")
    folder = own if own.is_dir() else location / SHARED_PICTURES
    files.refuse_links(location, (folder.name,))
    return folder


def _in_order(categories: Sequence[CocoCategory]) -> list[CocoCategory]:
    return sorted(categories, key=lambda category: category["id"])


def _classes(source: Path, content: CocoFile, faults: Faults) -> tuple[str, ...]:
    categories = _in_order(content["categories"])
    for value in _repeated([category["id"] for category in categories]):
        faults.add(source, f"categories: id {value} is there twice; give each its own")
    for value in _repeated([category["name"] for category in categories]):
        faults.add(source, f"categories: name {value!r} is there twice; rename or remove one")
    return tuple(category["name"] for category in categories)


def _check_same(
    sources: Sequence[Path], class_names: Sequence[tuple[str, ...]], faults: Faults
) -> None:
    if class_names[0] != class_names[1]:
        differing = sorted(set(class_names[0]) ^ set(class_names[1])) or "the order"
        faults.add(
            sources[1],
            f"its categories differ from those of {sources[0].name} ({differing}); "
            "give both files the same",
        )


def _part(location: Path, source: Path, content: CocoFile, faults: Faults) -> DetectionPart:
    folder = _pictures(location, source)
    _check_ids(source, content, faults)
    paths, images = _listed(folder, source, content["images"], faults)
    found = _found(source, content, faults)
    annotations = tuple(
        checks.checked(source, image["width"], image["height"], found.get(image["id"], []), faults)
        for image in images
    )
    return DetectionPart(tuple(paths), annotations)


def _check_ids(source: Path, content: CocoFile, faults: Faults) -> None:
    for value in _repeated([image["id"] for image in content["images"]]):
        faults.add(source, f"images: id {value} is there twice; give each picture its own")
    for value in _repeated([one["id"] for one in content["annotations"]]):
        faults.add(source, f"annotations: id {value} is there twice; give each object its own")
    for name in _repeated([image["file_name"] for image in content["images"]]):
        faults.add(
            source,
            f"images: file_name {name!r} has two entries; a picture has one, with all its objects",
        )


def _listed(
    folder: Path, source: Path, images: Sequence[CocoImage], faults: Faults
) -> tuple[list[Path], list[CocoImage]]:
    """The pictures whose paths can be trusted."""
    paths, kept = [], []
    for image in images:
        try:
            paths.append(files.inside(folder, image["file_name"]))
            kept.append(image)
        except files.Unusable as fault:
            faults.add(source, f"image {image['id']}: file_name: {fault}")
    return paths, kept


def _found(source: Path, content: CocoFile, faults: Faults) -> dict[int, list[Found]]:
    """The objects of each picture, by its id."""
    labels = {c["id"]: label for label, c in enumerate(_in_order(content["categories"]))}
    found: dict[int, list[Found]] = {image["id"]: [] for image in content["images"]}
    for one in content["annotations"]:
        place = f"annotation {one['id']}"
        if one["image_id"] not in found:
            faults.add(source, f"{place}: image_id {one['image_id']} is not in images; remove it")
        elif one["category_id"] not in labels:
            faults.add(
                source,
                f"{place}: category_id {one['category_id']} is not in categories "
                f"(ids {min(labels)} to {max(labels)}); correct it or add the category",
            )
        elif not _is_known_empty(one):
            found[one["image_id"]].append(_object(place, one, labels, source, faults))
    return found


def _is_known_empty(one: CocoObject) -> bool:
    return (one["id"], one["image_id"]) in KNOWN_EMPTY and one["bbox"][3] == 0


def _object(
    place: str, one: CocoObject, labels: dict[int, int], source: Path, faults: Faults
) -> Found:
    left, top, width, height = one["bbox"]
    area = one.get("area")
    if area is not None and not 0 <= area < float("inf"):
        faults.add(source, f"{place}: area must be a finite number from 0 on; got {area}")
    return Found(
        place=f"{place} (image {one['image_id']})",
        box=(left, top, left + width, top + height),
        written="[{:g}, {:g}, {:g}, {:g}]".format(*one["bbox"]),
        label=labels[one["category_id"]],
        difficult=bool(one.get("ignore", 0)),
        crowd=bool(one.get("iscrowd", 0)),
        area=area,
    )


def _repeated(values: Sequence[int | str]) -> list[int | str]:
    """What is there more than once."""
    seen: set[int | str] = set()
    twice: dict[int | str, None] = {}
    for value in values:
        if value in seen:
            twice[value] = None
        seen.add(value)
    return list(twice)
