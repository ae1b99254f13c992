"""Stamps of Tux Paint, read where Debian's package tuxpaint-stamps-default puts them.

Each is a drawing or a photo with transparency; its folder tells its class.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from netaug_core.data.counters import permutation
from netaug_core.data.scenes.cutouts import SEEN, Cutout, trimmed
from netaug_core.errors import BadData

DIRECTORY = Path("/usr/share/tuxpaint/stamps")
# Folders with ten different stamps and more, each one kind of thing.
FOLDERS = {
    "bird": "animals/birds",
    "fish": "animals/fish",
    "flower": "plants/flowers",
    "fruit": "food/fruit",
    "house": "town/houses",
    "insect": "animals/insects",
    "mammal": "animals/mammals",
    "road sign": "town/roadsigns",
    "vegetable": "food/vegetables",
    "vehicle": "vehicles",
}
NAMES = tuple(FOLDERS)
COPIES = ("_mirror", "_flip", "_mirror_flip")  # of a stamp, turned over
TEST_SHARE = 0.25
SPLIT_SEED = 20_227  # the parts are the same whatever the scenes' seed
MAX_SIDE = 512  # of a stamp in memory: none is pasted larger than the scenes' default


@dataclass(frozen=True)
class StampCutouts:
    """Attributes: paths: of each class."""

    paths: tuple[tuple[Path, ...], ...]

    def draw(self, random: np.random.Generator) -> Cutout:
        label = int(random.integers(len(self.paths)))
        path = self.paths[label][int(random.integers(len(self.paths[label])))]
        return _read(path, label)


def read_stamps(
    directory: Path = DIRECTORY, names: Sequence[str] = NAMES
) -> tuple[StampCutouts, StampCutouts]:
    """Those to train on and those to test on.

    Raises:
        BadData: the package is not installed, or not as it was.
    """
    train, test = [], []
    for name in names:
        folder = FOLDERS[name]
        paths = _stamps(directory / folder)
        num_test = round(TEST_SHARE * len(paths))
        if not 1 <= num_test < len(paths):
            raise BadData(
                f"stamps-scenes: {directory / folder} has {len(paths)} stamps of the class "
                f"{name!r}, too few; install the Debian package tuxpaint-stamps-default"
            )
        order = [paths[number] for number in permutation(SPLIT_SEED, 0, len(paths)).tolist()]
        test.append(tuple(order[:num_test]))
        train.append(tuple(order[num_test:]))
    return StampCutouts(tuple(train)), StampCutouts(tuple(test))


def _stamps(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.png") if not path.stem.endswith(COPIES))


@functools.lru_cache(maxsize=512)
def _read(path: Path, label: int) -> Cutout:
    try:
        with Image.open(path) as image:
            whole = image.convert("RGBA")
        whole.thumbnail((MAX_SIDE, MAX_SIDE))
        pixels = np.array(whole)
    except (OSError, ValueError) as error:
        raise BadData(f"stamps-scenes: cannot read {path}: {error}; reinstall it") from error
    if not (pixels[..., 3] >= SEEN).any():
        raise BadData(f"stamps-scenes: {path} is all transparent; reinstall it")
    return trimmed(Cutout(pixels[..., :3], pixels[..., 3], label))
