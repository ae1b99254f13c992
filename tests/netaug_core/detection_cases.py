"""A small detector, its anchors, and objects for it."""

from collections.abc import Sequence

import torch

from netaug_core.detection.boxes import Objects
from tests.netaug_core.detector_tables import DETECTORS

SIZE = 64
CPU = torch.device("cpu")
YOLO = DETECTORS["yolov3-custom"]  # 2 x 2, 4 x 4 and 8 x 8 cells of 64 pixels; four classes
SSD = DETECTORS["ssdlite-custom"]
SQUARES = (8, 10, 12, 20, 24, 28, 40, 50, 60)
ANCHORS = tuple((float(side), float(side)) for side in SQUARES)
Row = tuple[float, float, float, float]


def objects(
    boxes: Sequence[Row],
    labels: Sequence[int] | None = None,
    picture: Sequence[int] | None = None,
    ignore: Sequence[bool] | None = None,
) -> Objects:
    """All of class 0 in picture 0, none ignored, unless it is said."""
    count = len(boxes)
    return Objects(
        torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
        torch.tensor(labels or [0] * count, dtype=torch.int64),
        torch.tensor(picture or [0] * count, dtype=torch.int64),
        torch.tensor(ignore or [False] * count, dtype=torch.bool),
    )


def random_objects(count: int, pictures: int, seed: int = 0) -> Objects:
    """Inside the picture, of sizes from 4 pixels; every picture has one at least."""
    generator = torch.Generator().manual_seed(seed)
    size = 4 + 50 * torch.rand(count, 2, generator=generator)
    corner = (SIZE - size) * torch.rand(count, 2, generator=generator)
    picture = torch.arange(count) % pictures
    return Objects(
        torch.cat([corner, corner + size], 1),
        torch.randint(4, (count,), generator=generator),
        picture.sort().values,
        torch.zeros(count, dtype=torch.bool),
    )
