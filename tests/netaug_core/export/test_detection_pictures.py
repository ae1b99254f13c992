"""The two pictures of a detector's card show what they say."""

from pathlib import Path

import numpy as np
from PIL import Image

from netaug_core.data.detection.parts import DetectionPart
from netaug_core.detection import average_precision
from netaug_core.detection.matching import Detections
from netaug_core.export import detection_pictures
from tests.netaug_core import detection_sets

ORIENTATION, QUARTER_TURN = 0x0112, 6  # EXIF: shown turned by 90 degrees clockwise
GREEN, ORANGE = (0, 158, 115), (213, 94, 0)
NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def found(box: tuple[float, float, float, float], score: float, label: int = 0) -> Detections:
    return Detections(np.array([box], np.float32), np.array([score], np.float32), np.array([label]))


def colours(path: Path) -> set[tuple[int, int, int]]:
    pixels = np.asarray(Image.open(path).convert("RGB"))[detection_pictures.CAPTION :]
    return set(map(tuple, pixels.reshape(-1, 3).tolist()))


def test_a_picture_that_lies_on_its_side_is_shown_upright(tmp_path: Path) -> None:
    """60 x 40 pixels, red on the left: upright that is 40 x 60, red above."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30, 0] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = QUARTER_TURN
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    annotation = detection_sets.annotation(width=40, height=60)
    part = DetectionPart((tmp_path / "turned.jpg",), (annotation,))

    detection_pictures.write_samples(tmp_path / "s.png", part, [NOTHING], ("bag",))

    sheet = np.asarray(Image.open(tmp_path / "s.png"))[detection_pictures.CAPTION :]
    middle = detection_pictures.TILE // 2
    assert sheet[middle // 2, middle, 0] > 200
    assert sheet[middle + middle // 2, middle, 0] < 50


def test_true_boxes_are_drawn_and_those_found_if_they_are_sure(tmp_path: Path) -> None:
    part = detection_sets.part(tmp_path / "pictures")
    box = (10.0, 10.0, 30.0, 30.0)
    doubtful = [found(box, 0.29)] + [NOTHING] * 3
    sure = [found(box, 0.31)] + [NOTHING] * 3
    for name, detections in (("doubtful", doubtful), ("sure", sure)):
        path = tmp_path / f"{name}.png"
        detection_pictures.write_samples(path, part, detections, detection_sets.CLASSES)

    assert GREEN in colours(tmp_path / "doubtful.png")
    assert ORANGE not in colours(tmp_path / "doubtful.png")
    assert ORANGE in colours(tmp_path / "sure.png")


def test_each_class_with_objects_has_a_curve_and_any_name(tmp_path: Path) -> None:
    part = detection_sets.part(tmp_path / "pictures")
    names = ("сумка", "coat", "shoe")
    right = [found((4.0, 6.0, 24.0, 30.0), 0.9), *[NOTHING] * 3]
    score = average_precision.score(part.annotations, right, names)

    detection_pictures.write_curves(tmp_path / "curves.png", score)

    drawn = colours(tmp_path / "curves.png")
    assert (0, 114, 178) in drawn  # the first line's
    assert (0, 158, 115) in drawn  # the third's
    assert (204, 121, 167) not in drawn  # a fourth's
