"""Small detection datasets in real files: noise, with boxes that are where they are said to be."""

from pathlib import Path

import numpy as np
from PIL import Image

from netaug_core.data.detection.coco_writer import write_coco
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.detection.annotation import Annotation, box_areas

CLASSES = ("bag", "coat", "shoe")
WIDTH, HEIGHT = 60, 40
# Of each of the pictures: box, class, difficult. The second has none.
OBJECTS = (
    (((4, 6, 24, 30), 0, False), ((20, 10, 60, 40), 2, False)),
    (),
    (((0, 0, 60, 40), 1, False), ((30, 5, 38, 13), 0, True)),
    (((10, 10, 12, 11), 2, False),),
)


def annotation(
    *objects: tuple[tuple[float, float, float, float], int, bool],
    width: int = WIDTH,
    height: int = HEIGHT,
    crowd: bool = False,
) -> Annotation:
    boxes = np.array([box for box, _, _ in objects], np.float32).reshape(-1, 4)
    return Annotation(
        width=width,
        height=height,
        boxes=boxes,
        labels=np.array([label for _, label, _ in objects], np.int64),
        difficult=np.array([difficult for _, _, difficult in objects], np.bool_),
        crowd=np.full(len(objects), crowd),
        areas=box_areas(boxes),
    )


def part(folder: Path, prefix: str = "picture", suffix: str = ".png") -> DetectionPart:
    """Four pictures of noise in a folder, and what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = []
    for number in range(len(OBJECTS)):
        pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        paths.append(folder / f"{prefix}_{number}{suffix}")
        Image.fromarray(pixels).save(paths[-1])
    return DetectionPart(tuple(paths), tuple(annotation(*objects) for objects in OBJECTS))


def write_voc_folder(folder: Path) -> None:
    """VOC's layout, with trainval and test."""
    parts = {name: part(folder / "JPEGImages", name) for name in ("trainval", "test")}
    write_voc(folder, parts, CLASSES)


def write_coco_folder(folder: Path) -> None:
    """COCO's layout, with train and val."""
    write_coco(folder, {name: part(folder / name, name) for name in ("train", "val")}, CLASSES)
