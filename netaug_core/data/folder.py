"""An ImageFolder: train/ and val/, a directory of pictures a class. val/ is the test part."""

from pathlib import Path

import numpy as np

from netaug_core.data.crops import CENTRE_FRACTION
from netaug_core.data.parts import Normalisation, Part, RawDataset
from netaug_core.data.sources import FolderImages
from netaug_core.datasets import IMAGE_SUFFIXES, class_names

# Of ImageNet: what pre-trained networks and most recipes for photos expect.
NORMALISATION = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def read_folder(location: Path) -> RawDataset:
    """Lists the pictures; reads none."""
    classes = tuple(class_names(location / "train"))
    return RawDataset(
        class_names=classes,
        train=_part(location / "train", classes),
        test=_part(location / "val", classes),
        normalisation=NORMALISATION,
        resize=f"the centre square of {CENTRE_FRACTION} of the short side, bilinear",
    )


def _part(split: Path, classes: tuple[str, ...]) -> Part:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(p for p in (split / name).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        paths += found
        labels += [label] * len(found)
    indices = np.arange(len(paths), dtype=np.int64)
    return Part(FolderImages(tuple(paths)), indices, np.array(labels, np.int64))
