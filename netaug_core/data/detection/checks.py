"""From what a file says of a picture to an annotation that training can trust.

Boxes may overhang the picture by up to a pixel, as those of Pascal VOC do by its rounding: they
are clipped. Anything else that is no box inside the picture is a fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netaug_core.data import decoding
from netaug_core.data.detection import files
from netaug_core.data.detection.faults import Faults
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.detection.annotation import Annotation, box_areas

OVERHANG = 1.0  # pixels
LEAST = "less than float32 can tell"
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """An object as a file has it.

    Attributes:
        place: of the object in its file, for messages: "object 3 (dog)".
        box: left, top, right, bottom in continuous coordinates.
        written: the box in the file's own numbers, for messages.
        area: of the object, if the file tells it.
    """

    place: str
    box: Corners
    written: str
    label: int
    difficult: bool = False
    crowd: bool = False
    area: float | None = None


def checked(
    file: Path, width: int, height: int, found: Sequence[Found], faults: Faults
) -> Annotation:
    """The annotation of a picture; what is wrong with it goes to `faults`."""
    given = np.array([one.box for one in found], np.float64).reshape(-1, 4)
    boxes = np.clip(given, 0, [width, height, width, height]).astype(np.float32)
    for one, box, kept in zip(found, given, boxes, strict=True):
        problem = _problem(box, width, height)
        if problem is None and not (kept[2:] > kept[:2]).all():
            problem = f"is empty: in the picture {LEAST} is left of it; correct or remove it"
        if problem is not None:
            faults.add(file, f"{one.place}: the box {one.written} {problem}")
    areas = box_areas(boxes)
    told = [one.area for one in found]
    return Annotation(
        width=width,
        height=height,
        boxes=boxes,
        labels=np.array([one.label for one in found], np.int64),
        difficult=np.array([one.difficult for one in found], np.bool_),
        crowd=np.array([one.crowd for one in found], np.bool_),
        areas=np.array(
            [box if area is None else area for area, box in zip(told, areas, strict=True)],
            np.float64,
        ),
    )


def _problem(box: NDArray[np.float64], width: int, height: int) -> str | None:
    """What is wrong with a box, and what to do."""
    left, top, right, bottom = box.tolist()
    if not np.isfinite(box).all():
        return "is not made of finite numbers; correct or remove it"
    if right < left or bottom < top:
        return "is inverted: its right or lower edge comes before the other; swap them"
    if right == left or bottom == top:
        return "is empty: it has no width or no height; correct or remove it"
    if min(left, top) < -OVERHANG or right > width + OVERHANG or bottom > height + OVERHANG:
        return (
            f"leaves the picture of {width} x {height} by more than {OVERHANG:g} pixel; "
            "clip it to the picture, or correct the size"
        )
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return f"lies outside the picture of {width} x {height}; correct or remove it"
    return None


def check_pictures(train: DetectionPart, test: DetectionPart, faults: Faults) -> None:
    """Look at the header of every picture: it is there, of the size that is told, in one part."""
    for part in (train, test):
        for path, annotation in zip(part.paths, part.annotations, strict=True):
            problem = _picture_problem(path, annotation)
            if problem is not None:
                faults.add(path, problem)
    for path in sorted(set(train.paths) & set(test.paths)):
        faults.add(path, "the picture is in the training and in the test part; keep it in one")


def check_something_to_learn(source: Path, train: DetectionPart, faults: Faults) -> None:
    if not any((~annotation.ignored).any() for annotation in train.annotations):
        faults.add(source, "no picture of the training part has an object to learn; add some")


def _picture_problem(path: Path, annotation: Annotation) -> str | None:
    try:
        width, height = files.picture_size(path)
    except files.Unusable as fault:
        return str(fault)
    if (width, height) == (annotation.width, annotation.height):
        damage = decoding.fault(path)  # a file may end early
        if damage is None:
            return None
        return f"this is not a readable picture ({damage.__cause__}); repair or remove it"
    return (
        f"the picture is {width} x {height}, but its annotation says "
        f"{annotation.width} x {annotation.height}; correct the size, or store it upright"
    )
