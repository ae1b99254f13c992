"""scikit-learn's handwritten digits: they ride in its wheel."""

import hashlib

import numpy as np
import torch
from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # ships no types

from netaug_core.data.parts import Normalisation, Part, RawDataset
from netaug_core.data.sources import MemoryImages
from netaug_core.data.split import TEST_SEED, stratified
from netaug_core.datasets import DIGITS

GREY_LEVELS = 16  # the pixels are 0..16
# Of the training images, scaled to 0..1.
NORMALISATION = Normalisation(mean=(0.3053,), std=(0.3760,))


def read_digits() -> RawDataset:
    """All digits, split by class into the training and the test part of datasets.DIGITS."""
    bunch = load_digits()
    pixels = bunch.images.astype(np.uint8)  # (N, 8, 8)
    labels = bunch.target.astype(np.int64)
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
