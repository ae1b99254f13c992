"""The objects of scenes one by one, as an ImageFolder: what a detector's backbone can learn first.

S side of a scene, n its objects.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # its stubs are not marked as types

from netaug_core.data.scenes.composition import Scene
from netaug_core.data.scenes.cutouts import Pixels

AROUND = 1.3  # side of a crop, in its object's longer side
LEAST_SIDE = 8  # pixels of an object's longer side
QUALITY, SUBSAMPLING = 95, "444"


def write_crops(folder: Path, scenes: Iterator[Scene], class_names: Sequence[str]) -> int:
    """Write the clear objects of scenes into a folder for each class; how many.

    Args:
        folder: of a part, as `train`.
        scenes: in order: a crop has its scene's number in its name.
        class_names: by label.
    """
    for name in class_names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    count = 0
    for number, scene in enumerate(scenes):
        for place, (label, pixels) in enumerate(crops(scene)):
            path = folder / class_names[label] / f"{number:06d}_{place}.jpg"
            path.write_bytes(
                simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorsubsampling=SUBSAMPLING)
            )
            count += 1
    return count


def crops(scene: Scene) -> Iterator[tuple[int, Pixels]]:
    """Label and pixels of the square around each object that is clear to see and not tiny."""
    annotation, size = scene.annotation, len(scene.pixels)
    for box, label, difficult in zip(
        annotation.boxes, annotation.labels, annotation.difficult, strict=True
    ):
        longer = float((box[2:] - box[:2]).max())
        if difficult or longer < LEAST_SIDE:
            continue
        side = min(round(longer * AROUND), size)
        middle = (box[:2] + box[2:]) / 2
        # Moved into the scene where it would leave it.
        left, top = (int(np.clip(round(float(at)) - side // 2, 0, size - side)) for at in middle)
        yield int(label), np.ascontiguousarray(scene.pixels[top : top + side, left : left + side])
