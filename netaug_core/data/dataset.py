"""A dataset ready to train on: its three parts, its classes, how its pixels are normalised."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import numpy as np
from typing_extensions import TypeVar  # of typing, from Python 3.13: with defaults

from netaug_core import datasets
from netaug_core.data.digits import read_digits
from netaug_core.data.fashion_mnist import read_fashion_mnist
from netaug_core.data.folder import read_folder
from netaug_core.data.parts import Normalisation, Part, RawDataset
from netaug_core.data.split import VALIDATION_SEED, stratified
from netaug_core.datasets import DatasetInfo
from netaug_core.errors import BadData
from netaug_core.sections.data import DataSpec

AnyPart = TypeVar("AnyPart", default=Part)  # for another task: pictures with boxes


@dataclass(frozen=True)
class Dataset(Generic[AnyPart]):
    """The best epoch is picked on `validation`; `test` is scored once, at the end."""

    name: str
    digest: str
    class_names: tuple[str, ...]
    in_channels: int
    train: AnyPart
    validation: AnyPart
    test: AnyPart
    normalisation: Normalisation
    resize: str  # how a picture becomes a square of the input's size


def open_dataset(spec: DataSpec, roots: Sequence[Path], *, image_cache_bytes: int = 0) -> Dataset:
    """Find, read, check and split the dataset that a spec names.

    Args:
        spec: names it.
        roots: folders below which ImageFolder datasets are looked for.
        image_cache_bytes: memory for pictures of a folder that are decoded already; it is filled
            as they come. 0: each is decoded whenever it is needed.

    Raises:
        BadData: it is missing, damaged, or not what it is known to be.
    """
    info = datasets.find(spec.dataset, roots)
    raw = _read(info, spec, image_cache_bytes)
    digest = _verified_digest(info, raw)
    _check_classes(raw)
    for part in (raw.train, raw.test):
        part.source.check()
    count = max(1, round(spec.validation_fraction * len(raw.train)))
    rest, chosen = stratified(raw.train.labels, count, VALIDATION_SEED)
    return Dataset(
        name=info.name,
        digest=digest,
        class_names=raw.class_names,
        in_channels=info.in_channels,
        train=raw.train.take(rest),
        validation=raw.train.take(chosen),
        test=raw.test,
        normalisation=raw.normalisation,
        resize=raw.resize,
    )


def open_test_part(spec: DataSpec, roots: Sequence[Path]) -> tuple[Part, Normalisation]:
    """The test part alone, for a process that only checks a model. Verifies no digest."""
    raw = _read(datasets.find(spec.dataset, roots), spec, image_cache_bytes=0)
    return raw.test, raw.normalisation


def _verified_digest(info: DatasetInfo, raw: RawDataset) -> str:
    digest = raw.digest
    if digest is None:
        assert info.location is not None  # noqa: S101  # for mypy: a folder has a location
        digest = datasets.folder_digest(info.location)
    if info.digest is not None and digest != info.digest:
        raise BadData(
            f"data.dataset: the content of {info.name} has the digest {digest}, expected "
            f"{info.digest}; install the dataset again"
        )
    return digest


def _read(info: DatasetInfo, spec: DataSpec, image_cache_bytes: int) -> RawDataset:
    if info.kind == "detection":
        raise BadData(
            f"data.dataset: {info.name} has objects in boxes, and task is classification; set task "
            "to detection, or name a dataset with a label for each picture"
        )
    if info.name == "digits":
        return read_digits()
    if info.location is None:
        raise BadData(f"data.dataset: {info.name} has no files on this machine")
    if info.name == "fashion-mnist":
        return read_fashion_mnist(info.location)
    return read_folder(info.location, spec.preparation, image_cache_bytes)


def _check_classes(raw: RawDataset) -> None:
    for part, name, least in ((raw.train, "training", 2), (raw.test, "test", 1)):
        counts = np.bincount(part.labels, minlength=len(raw.class_names))
        for class_name, count in zip(raw.class_names, counts, strict=True):
            if count < least:
                raise BadData(
                    f"data.dataset: class {class_name!r} has {count} {name} images; "
                    f"it needs at least {least}: add images or remove the class"
                )
