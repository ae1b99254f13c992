"""Fashion-MNIST from its four idx files, plain or compressed."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from netaug_core.data.parts import Normalisation, Part, RawDataset
from netaug_core.data.sources import MemoryImages
from netaug_core.datasets import FASHION_MNIST_FILES, idx_file
from netaug_core.errors import BadData

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# Of the training images, scaled to 0..1.
NORMALISATION = Normalisation(mean=(0.2860,), std=(0.3530,))
UNSIGNED_BYTE = 0x08  # idx type code


def read_fashion_mnist(directory: Path) -> RawDataset:
    """The 60,000 training and 10,000 test images.

    Raises:
        BadData: a file is missing or damaged.
    """
    contents = [_content(directory, name) for name in FASHION_MNIST_FILES]
    digest = hashlib.sha256(b"".join(contents)).hexdigest()
    arrays = [parse_idx(c, n) for c, n in zip(contents, FASHION_MNIST_FILES, strict=True)]
    return RawDataset(
        digest=digest,
        class_names=CLASS_NAMES,
        train=_part(arrays[0], arrays[1]),
        test=_part(arrays[2], arrays[3]),
        normalisation=NORMALISATION,
    )


def parse_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """The array in an idx file: two zero bytes, type, number of dimensions, sizes, data.

    Raises:
        BadData: the header or the length is wrong.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise BadData(f"data.dataset: {name} is not an idx file of bytes; install it again")
    num_dims = content[3]
    data = 4 + 4 * num_dims
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, data, 4)]
    if len(content) != data + int(np.prod(shape)):
        raise BadData(f"data.dataset: {name} is cut short or too long; install it again")
    return np.frombuffer(content, np.uint8, offset=data).reshape(shape)


def _content(directory: Path, name: str) -> bytes:
    path = idx_file(directory, name)
    if path is None:
        raise BadData(f"data.dataset: {directory / name} has gone; install the dataset again")
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"data.dataset: cannot read {path}: {error}") from error


def _part(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Part:
    source = MemoryImages(torch.from_numpy(images.copy())[:, None])
    return Part(source, np.arange(len(labels), dtype=np.int64), labels.astype(np.int64))
