"""One scene: objects pasted over a background, each over those before, and what is seen of them.

S side of a scene.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netaug_core.data.scenes.backgrounds import Backgrounds
from netaug_core.data.scenes.cutouts import SEEN, Cutout, Cutouts, Pixels
from netaug_core.detection.annotation import Annotation

EMPTY_SHARE = 0.05  # of scenes without any object
MOST_OBJECTS = 5
LEAST_SIDE, MOST_SIDE = 0.15, 0.65  # an object's longer side, in S; evenly spread in its logarithm
MOST_TURN = 15.0  # degrees
# An object of which less than this is seen is difficult, or left out of the annotation.
CLEAR_SHARE, LEAST_SHARE = 0.35, 0.12
LEAST_PIXELS = 16  # seen of an object
NOBODY = -1
HALF = 0.5


@dataclass(frozen=True, eq=False)
class Scene:
    """Attributes: pixels: (S, S, 3)."""

    pixels: Pixels
    annotation: Annotation


@dataclass
class _Canvas:
    """Attributes: pixels: (S, S, 3). owner: (S, S), the last object pasted there, or NOBODY."""

    pixels: Pixels
    owner: NDArray[np.int64]


def compose(
    random: np.random.Generator, cutouts: Cutouts, backgrounds: Backgrounds, size: int
) -> Scene:
    """A scene of random objects, of which all chance comes from `random`."""
    canvas = _Canvas(backgrounds.draw(random, size).copy(), np.full((size, size), NOBODY))
    is_empty = random.random() < EMPTY_SHARE
    count = 0 if is_empty else int(random.integers(1, MOST_OBJECTS + 1))
    labels, whole = [], []  # whole: pixels of each object, hidden ones included
    for number in range(count):
        cutout = _varied(cutouts.draw(random), random, size)
        _paste(canvas, cutout, random, number)
        labels.append(cutout.label)
        whole.append(int((cutout.alpha >= SEEN).sum()))
    return Scene(canvas.pixels, _annotation(canvas.owner, labels, whole))


def _varied(cutout: Cutout, random: np.random.Generator, size: int) -> Cutout:
    """Of a random size, turned a little, mirrored or not."""
    spread = random.uniform(math.log(LEAST_SIDE), math.log(MOST_SIDE))
    scale = math.exp(spread) * size / max(cutout.alpha.shape)
    height, width = (max(2, round(side * scale)) for side in cutout.alpha.shape)
    turn = random.uniform(-MOST_TURN, MOST_TURN)
    is_mirrored = random.random() < HALF
    # As RGBA, Pillow weighs colours by alpha: what is cut away does not bleed into the edge.
    picture = Image.fromarray(np.dstack([cutout.pixels, cutout.alpha]), "RGBA")
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    turned = np.asarray(picture.rotate(turn, Image.Resampling.BICUBIC, expand=True))
    turned = turned[:, ::-1] if is_mirrored else turned
    return Cutout(turned[..., :3], turned[..., 3], cutout.label)


def _paste(canvas: _Canvas, cutout: Cutout, random: np.random.Generator, number: int) -> None:
    """With its middle anywhere in the scene: a part of it may lie outside."""
    size = len(canvas.pixels)
    height, width = cutout.alpha.shape
    top = int(random.integers(size)) - height // 2
    left = int(random.integers(size)) - width // 2
    rows = slice(max(top, 0), min(top + height, size))
    columns = slice(max(left, 0), min(left + width, size))
    own = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    alpha = cutout.alpha[own]
    weight = alpha[..., None] / 255.0
    below = canvas.pixels[rows, columns]
    blended = cutout.pixels[own] * weight + below * (1 - weight)
    canvas.pixels[rows, columns] = np.rint(blended).astype(np.uint8)
    canvas.owner[rows, columns][alpha >= SEEN] = number


def _annotation(owner: NDArray[np.int64], labels: list[int], whole: list[int]) -> Annotation:
    """The boxes of what is seen."""
    kept, boxes, areas, difficult = [], [], [], []
    for number, pixels in enumerate(whole):
        seen = owner == number
        area = int(seen.sum())
        if area < LEAST_PIXELS or area < LEAST_SHARE * pixels:
            continue
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        kept.append(labels[number])
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        areas.append(area)
        difficult.append(area < CLEAR_SHARE * pixels)
    return Annotation(
        width=owner.shape[1],
        height=owner.shape[0],
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(kept, np.int64),
        difficult=np.array(difficult, np.bool_),
        crowd=np.zeros(len(kept), np.bool_),
        areas=np.array(areas, np.float64),
    )
