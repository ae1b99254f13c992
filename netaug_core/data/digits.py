"""scikit-learn's handwritten digits, from its wheel's file: importing it would take seconds."""

import gzip
import hashlib
import importlib.util
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from netaug_core.data.parts import Normalisation, Part, RawDataset
from netaug_core.data.sources import MemoryImages
from netaug_core.data.split import TEST_SEED, stratified
from netaug_core.datasets import DIGITS
from netaug_core.errors import BadData

FILE = Path("datasets") / "data" / "digits.csv.gz"  # inside the package
SIDE = 8
GREY_LEVELS = 16  # the pixels are 0..16
# Of the training images, scaled to 0..1.
NORMALISATION = Normalisation(mean=(0.3053,), std=(0.3760,))


def read_digits() -> RawDataset:
    """All digits, split by class into the training and the test part of datasets.DIGITS."""
    rows = _table()  # (N, 65): the pixels, then the label
    pixels = rows[:, :-1].reshape(-1, SIDE, SIDE)
    labels = rows[:, -1].astype(np.int64)
    digest = hashlib.sha256(pixels.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    scaled = np.round(pixels * (255 / GREY_LEVELS)).astype(np.uint8)
    source = MemoryImages(torch.from_numpy(scaled)[:, None])
    train, test = stratified(labels, DIGITS.num_test or 0, TEST_SEED)
    return RawDataset(
        digest=digest,
        class_names=tuple(str(label) for label in range(DIGITS.num_classes)),
        train=Part(source, train, labels[train]),
        test=Part(source, test, labels[test]),
        normalisation=NORMALISATION,
    )


def _table() -> NDArray[np.uint8]:
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise BadData("data.dataset: digits ride in scikit-learn, which is missing; install it")
    path = Path(package.origin).parent / FILE
    try:
        text = gzip.decompress(path.read_bytes()).decode("ascii")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BadData(f"data.dataset: cannot read {path}: {error}; reinstall it") from error
    return np.loadtxt(text.splitlines(), delimiter=",").astype(np.uint8)
