"""What objects are pasted over: parts of scikit-learn's two photos, and generated textures.

The training part and the test part see different regions of the photos; textures are drawn anew
for every picture. S side of a picture.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netaug_core.data import decoding
from netaug_core.data.scenes.cutouts import Pixels
from netaug_core.errors import BadData

PHOTOS = ("china.jpg", "flower.jpg")
FOLDER = Path("datasets") / "images"  # inside the package
TRAIN_WIDTH = 0.62  # of a photo, from the left; the test part has what is right of the gap
GAP = 0.02
LEAST_CROP = 0.35  # of the short side of a region
WHITE = 255.0
OCTAVES = (2, 4, 8, 16, 32)
MOST_TILES = 12
HALF = 0.5

Colour = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """Attributes: photos: regions of photos, (h, w, 3) each."""

    photos: tuple[Pixels, ...]

    def draw(self, random: np.random.Generator, size: int) -> Pixels:
        """(S, S, 3): in one of two cases a photo, else a texture."""
        if random.random() < HALF:
            return self._photo(random, size)
        texture = TEXTURES[int(random.integers(len(TEXTURES)))](random, size)
        return texture.clip(0, WHITE).astype(np.uint8)

    def _photo(self, random: np.random.Generator, size: int) -> Pixels:
        photo = self.photos[int(random.integers(len(self.photos)))]
        height, width, _ = photo.shape
        side = int(random.uniform(LEAST_CROP, 1) * min(height, width))
        top, left = (int(random.integers(end - side + 1)) for end in (height, width))
        crop = photo[top : top + side, left : left + side]
        if random.random() < HALF:
            crop = crop[:, ::-1]
        return _resized(crop, size)


def read_backgrounds() -> tuple[Backgrounds, Backgrounds]:
    """Of the training part and of the test part.

    Raises:
        BadData: scikit-learn, which brings the photos, is missing.
    """
    photos = [_read(name) for name in PHOTOS]
    train = tuple(photo[:, : int(photo.shape[1] * TRAIN_WIDTH)] for photo in photos)
    test = tuple(photo[:, int(photo.shape[1] * (TRAIN_WIDTH + GAP)) :] for photo in photos)
    return Backgrounds(train), Backgrounds(test)


def _read(name: str) -> Pixels:
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise BadData("scenes: the photos ride in scikit-learn, which is missing; install it")
    path = Path(package.origin).parent / FOLDER / name
    with decoding.naming(path):
        return decoding.open_picture(path).pixels()


def _noise(random: np.random.Generator, size: int) -> Colour:
    """Clouds: coarse noise and, ever weaker, finer noise."""
    total = np.zeros((size, size, 3))
    for octave in OCTAVES:
        grain = random.integers(0, 256, (octave, octave, 3), np.uint8)
        total += (_resized(grain, size) - WHITE / 2) / octave**0.5
    return _colour(random) + total * random.uniform(0.2, 0.9)


def _gradient(random: np.random.Generator, size: int) -> Colour:
    """From one colour to another, in any direction."""
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    along = np.cos(angle) * columns + np.sin(angle) * rows
    share = ((along - along.min()) / np.ptp(along))[..., None]
    return np.asarray(_colour(random) * (1 - share) + _colour(random) * share)


def _tiles(random: np.random.Generator, size: int) -> Colour:
    """A board of two colours, each tile a little different."""
    across, down = (int(number) for number in random.integers(1, MOST_TILES + 1, 2))
    rows, columns = np.arange(size) * down // size, np.arange(size) * across // size
    odd = ((rows[:, None] + columns) % 2)[..., None]
    shades = random.normal(0, 12, (down, across, 1))[rows[:, None], columns]
    return np.asarray(np.where(odd, _colour(random), _colour(random)) + shades)


TEXTURES: tuple[Callable[[np.random.Generator, int], Colour], ...] = (_noise, _gradient, _tiles)


def _colour(random: np.random.Generator) -> Colour:
    return random.uniform(20, 235, 3)


def _resized(pixels: Pixels, size: int) -> Pixels:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
