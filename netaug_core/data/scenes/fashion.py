"""Garments of Fashion-MNIST, cut out by their pixel values and dyed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netaug_core import datasets
from netaug_core.data.fashion_mnist import CLASS_NAMES, read_fashion_mnist
from netaug_core.data.parts import Part
from netaug_core.data.scenes.cutouts import Cutout, Pixels, trimmed

SIDE = 28
BACKGROUND = 8  # grey values up to here are what lies around a garment
OPAQUE = 255
DARKEST_SHARE = 0.3  # of the dye, in a garment's black: it must not vanish before a dark ground
PALEST, STRONGEST = 0.35, 1.0  # of each channel of the dye
NAMES = tuple(name.replace("/", " or ").lower() for name in CLASS_NAMES)


@dataclass(frozen=True, eq=False)
class FashionCutouts:
    """Attributes: images: (N, 28, 28) grey. labels: (N,)."""

    images: Pixels
    labels: NDArray[np.int64]

    def draw(self, random: np.random.Generator) -> Cutout:
        number = int(random.integers(len(self.labels)))
        grey = self.images[number]
        alpha = np.where(silhouette(grey), OPAQUE, 0).astype(np.uint8)
        dye = random.uniform(PALEST, STRONGEST, 3)
        shade = DARKEST_SHARE + (1 - DARKEST_SHARE) * grey[..., None] / OPAQUE
        pixels = (shade * dye * OPAQUE).astype(np.uint8)
        return trimmed(Cutout(pixels, alpha, int(self.labels[number])))


def silhouette(grey: Pixels) -> NDArray[np.bool_]:
    """Where the garment is, black prints included: between lit pixels of its row and its column."""
    lit = grey > BACKGROUND
    if not lit.any():
        return np.ones_like(lit)  # a picture of nothing is an object of its whole size
    return _between(lit, 0) & _between(lit, 1)


def _between(lit: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    before = np.logical_or.accumulate(lit, axis)
    after = np.flip(np.logical_or.accumulate(np.flip(lit, axis), axis), axis)
    return np.asarray(before & after)


def read_garments(
    roots: Sequence[Path], names: Sequence[str] = NAMES
) -> tuple[FashionCutouts, FashionCutouts]:
    """Those of the training pictures and those of the test pictures.

    Args:
        roots: folders below which Fashion-MNIST is looked for.
        names: of the classes, some of NAMES; labels are places in it.

    Raises:
        BadData: Fashion-MNIST is not on this machine, or damaged.
    """
    location = datasets.find("fashion-mnist", roots).location
    assert location is not None  # noqa: S101  # for mypy: it has files
    raw = read_fashion_mnist(location)
    return _cutouts(raw.train, names), _cutouts(raw.test, names)


def _cutouts(part: Part, names: Sequence[str]) -> FashionCutouts:
    chosen = np.array([NAMES.index(name) for name in names])
    of_these = part.take(np.flatnonzero(np.isin(part.labels, chosen)))
    places = np.full(len(NAMES), -1)
    places[chosen] = np.arange(len(chosen))
    images = part.source.load(of_these.indices, SIDE)[:, 0].numpy()
    return FashionCutouts(images, places[of_these.labels])
