"""Datasets by name: built in, or a folder below an allowed root. Reads no image.

A folder is an ImageFolder, for classification, or in Pascal VOC's or COCO's form, for detection.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netaug_core import detection_sets
from netaug_core.errors import BadData

FASHION_MNIST_DIRS = (Path("/usr/share/datasets/fashion-mnist"),)  # Debian: dataset-fashion-mnist
FASHION_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MAX_FOLDER_DEPTH = 4
FORMS = {"voc": "Pascal VOC", "coco": "COCO"}
# A folder inside each form of detection dataset.
DETECTION_MARKS = {
    *(detection_sets.DEVKIT, *detection_sets.VOC_YEARS),
    *(detection_sets.VOC_LISTS.parts[0], detection_sets.COCO_ANNOTATIONS),
}
# A name, or the folder's path below the data root; no part may start with a dot.
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
MAX_NAME_LENGTH = 200
READ_BYTES = 1 << 20


class UnknownDataset(BadData):
    """There is no dataset of this name."""


class RefusedPath(BadData):
    """The dataset's path leaves the data root."""


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset that a job can name.

    Attributes:
        location: the directory that holds its files; None for one that rides in a package.
        kind: builtin and folder have a label for each picture, detection has objects in boxes.
        digest: SHA-256 of its content; None for a folder, whose files are read when a job uses it.
        num_train: training images before the validation part is taken away; None if not counted.
    """

    name: str
    kind: Literal["builtin", "folder", "detection"]
    num_classes: int
    in_channels: int
    description: str
    location: Path | None = None
    digest: str | None = None
    num_train: int | None = None
    num_test: int | None = None


def find(name: str, roots: Sequence[Path]) -> DatasetInfo:
    """The dataset of this name.

    Raises:
        UnknownDataset: no such name, or its files are not on this machine.
        RefusedPath: the folder is outside every root, or reached through a link.
        BadData: the folder has no `train/` with at least two classes, or no matching `val/`; or it
            is a detection dataset that does not say its classes.
    """
    if name == "digits":
        return DIGITS
    if name == "fashion-mnist":
        return _fashion_mnist(roots)
    return _folder(name, roots)


def checked_name(name: str) -> str:
    """A name that comes from outside, if it can be one.

    Raises:
        UnknownDataset: it has characters that no dataset's name has.
    """
    if NAME_PATTERN.fullmatch(name) is None or len(name) > MAX_NAME_LENGTH:
        raise UnknownDataset(f"there is no dataset {name[:100]!r}")
    return name


def catalogue(roots: Sequence[Path]) -> list[DatasetInfo]:
    """All datasets that can be used on this machine, by name. Unusable folders are left out."""
    names = ["digits", "fashion-mnist", *_folder_names(roots)]
    found = []
    for name in sorted(set(names)):
        try:
            found.append(find(name, roots))
        except BadData:
            continue
    return found


def folder_digest(location: Path) -> str:
    """SHA-256 over the sorted relative paths and contents of a folder's images."""
    total = hashlib.sha256()
    for path in sorted(_image_paths(location)):
        total.update(f"{path.relative_to(location).as_posix()}\0".encode())
        total.update(file_digest(path).encode())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def class_names(split: Path) -> list[str]:
    """The classes of an ImageFolder split: its directories in order of name."""
    try:
        with os.scandir(split) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _image_paths(location: Path) -> Iterator[Path]:
    for split in ("train", "val"):
        for name in class_names(location / split):
            directory = location / split / name
            yield from (p for p in directory.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)


def _folder(name: str, roots: Sequence[Path]) -> DatasetInfo:
    for root in roots:
        location = root / name
        if not location.is_dir():
            continue
        _refuse_links(location, root, name)
        try:
            form = detection_sets.form(location)
            if form is not None:
                return _describe_detection(name, location, FORMS[form])
        except OSError as error:
            raise BadData(f"data.dataset: {name!r} cannot be read: {error.strerror}") from error
        return _describe_folder(name, location)
    raise UnknownDataset(
        f"data.dataset: there is no dataset {name!r}; use digits, fashion-mnist, or the name of a "
        "folder below the data root, with train/ and val/ or in Pascal VOC's or COCO's form "
        "(`netaug datasets list` shows them)"
    )


def _refuse_links(location: Path, root: Path, name: str) -> None:
    resolved_root = root.resolve()
    if location.resolve() != resolved_root / name:
        raise RefusedPath(
            f"data.dataset: {name!r} is reached through a link or leaves the data root; "
            "put the folder itself below the data root"
        )


def _describe_folder(name: str, location: Path) -> DatasetInfo:
    classes = class_names(location / "train")
    if len(classes) < 2:
        raise BadData(
            f"data.dataset: {name!r} needs train/ with at least two class folders; "
            f"found {len(classes)}"
        )
    if class_names(location / "val") != classes:
        raise BadData(f"data.dataset: {name!r} needs val/ with the same class folders as train/")
    return DatasetInfo(
        name=name,
        kind="folder",
        num_classes=len(classes),
        in_channels=3,
        description="ImageFolder below the data root; val/ is the test part",
        location=location,
    )


def _describe_detection(name: str, location: Path, form: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        kind="detection",
        num_classes=detection_sets.num_classes(location),
        in_channels=3,
        description=f"Objects in boxes, in {form}'s form, below the data root",
        location=location,
    )


def _folder_names(roots: Sequence[Path]) -> Iterator[str]:
    for root in roots:
        for directory, children, _ in os.walk(root):
            relative = Path(directory).relative_to(root)
            is_folder = "train" in children and "val" in children
            is_detection = DETECTION_MARKS & set(children) and detection_sets.form(Path(directory))
            if relative.parts and (is_folder or is_detection):
                yield relative.as_posix()
                children.clear()
            elif len(relative.parts) >= MAX_FOLDER_DEPTH:
                children.clear()


def _fashion_mnist(roots: Sequence[Path]) -> DatasetInfo:
    for directory in (*(root / "fashion-mnist" for root in roots), *FASHION_MNIST_DIRS):
        if all(idx_file(directory, name) is not None for name in FASHION_MNIST_FILES):
            return DatasetInfo(
                name="fashion-mnist",
                kind="builtin",
                num_classes=10,
                in_channels=1,
                description="Fashion-MNIST (Xiao et al. 2017): 28 x 28 grey pictures of garments",
                location=directory,
                digest=FASHION_MNIST_DIGEST,
                num_train=60_000,
                num_test=10_000,
            )
    raise UnknownDataset(
        "data.dataset: the files of fashion-mnist are not on this machine; install the Debian "
        "package dataset-fashion-mnist, or put its four idx files (plain or .gz) into "
        "fashion-mnist/ below the data root"
    )


def idx_file(directory: Path, name: str) -> Path | None:
    """The idx file of this name, plain or compressed."""
    for path in (directory / name, directory / f"{name}.gz"):
        if path.is_file():
            return path
    return None


DIGITS = DatasetInfo(
    name="digits",
    kind="builtin",
    num_classes=10,
    in_channels=1,
    description="scikit-learn's 1,797 handwritten digits, 8 x 8 grey (UCI, Alpaydin and Kaynak)",
    # SHA-256 of the images as bytes 0..16 in row order, then the labels as bytes.
    digest="87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826",
    num_train=1_437,
    num_test=360,
)
# SHA-256 of the four decompressed idx files, one after the other, in the order above.
FASHION_MNIST_DIGEST = "14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214"
