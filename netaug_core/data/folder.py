"""An ImageFolder: train/ and val/, a directory of pictures a class. val/ is the test part."""

from pathlib import Path

import numpy as np

from netaug_core.data.crops import CENTRE_FRACTION
from netaug_core.data.folder_images import PLACES, FolderImages
from netaug_core.data.image_cache import ImageCache
from netaug_core.data.parts import Normalisation, Part, RawDataset
from netaug_core.datasets import IMAGE_SUFFIXES, class_names
from netaug_core.sections.data import PreparationSpec

# Of ImageNet: what pre-trained networks and most recipes for photos expect.
NORMALISATION = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def read_folder(
    location: Path, preparation: PreparationSpec | None = None, cache_bytes: int = 0
) -> RawDataset:
    """Lists the pictures; reads none. Training pictures may be prepared, and kept in memory."""
    classes = tuple(class_names(location / "train"))
    paths, labels = _listed(location / "train", classes)
    test_paths, test_labels = _listed(location / "val", classes)
    cache = ImageCache(PLACES * len(paths), cache_bytes) if cache_bytes else None
    return RawDataset(
        class_names=classes,
        train=_part(FolderImages(paths, preparation, cache), labels),
        # Seen once, at the end: nothing to keep.
        test=_part(FolderImages(test_paths), test_labels),
        normalisation=NORMALISATION,
        resize=f"the centre square of {CENTRE_FRACTION} of the short side, bilinear",
    )


def _listed(split: Path, classes: tuple[str, ...]) -> tuple[tuple[Path, ...], list[int]]:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(p for p in (split / name).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        paths += found
        labels += [label] * len(found)
    return tuple(paths), labels


def _part(source: FolderImages, labels: list[int]) -> Part:
    return Part(source, np.arange(len(labels), dtype=np.int64), np.array(labels, np.int64))
