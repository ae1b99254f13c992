"""The idx files of Fashion-MNIST, real ones where this machine has them."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netaug_core import datasets
from netaug_core.data.dataset import open_dataset
from netaug_core.data.fashion_mnist import parse_idx, read_fashion_mnist
from netaug_core.datasets import FASHION_MNIST_FILES
from netaug_core.errors import BadData
from netaug_core.sections.data import DataSpec

SPEC = DataSpec(dataset="fashion-mnist")
HERE = any(directory.is_dir() for directory in datasets.FASHION_MNIST_DIRS)


def idx(array: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_files(folder: Path) -> list[NDArray[np.uint8]]:
    """Six training and two test images; every other file compressed."""
    random = np.random.default_rng(0)
    shapes = ((6, 28, 28), (6,), (2, 28, 28), (2,))
    arrays = [random.integers(0, 10, shape, np.uint8) for shape in shapes]
    folder.mkdir(exist_ok=True)
    for number, (name, array) in enumerate(zip(FASHION_MNIST_FILES, arrays, strict=True)):
        if number % 2:
            (folder / name).write_bytes(idx(array))
        else:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    return arrays


def test_an_idx_file_is_read_in_row_order() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    assert np.array_equal(parse_idx(idx(array), "x"), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x00\x0d\x01\x00\x00\x00\x00", idx(np.zeros(9, np.uint8))[:-1]],
    ids=["empty", "floats", "cut"],
)
def test_a_damaged_idx_file_is_named(content: bytes) -> None:
    with pytest.raises(BadData, match="train-labels"):
        parse_idx(content, "train-labels")


def test_files_are_read_plain_or_compressed(tmp_path: Path) -> None:
    arrays = write_files(tmp_path)

    raw = read_fashion_mnist(tmp_path)

    assert raw.train.labels.tolist() == arrays[1].tolist()
    assert np.array_equal(raw.test.source.load(np.arange(2), 28)[:, 0].numpy(), arrays[2])


def test_a_compressed_file_cut_short_is_named(tmp_path: Path) -> None:
    write_files(tmp_path)
    cut = tmp_path / f"{FASHION_MNIST_FILES[0]}.gz"
    cut.write_bytes(cut.read_bytes()[:-20])

    with pytest.raises(BadData, match=r"cannot read .*train-images"):
        read_fashion_mnist(tmp_path)


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="train-images-idx3-ubyte has gone"):
        read_fashion_mnist(tmp_path)


def test_other_files_in_its_place_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "fashion-mnist")

    with pytest.raises(BadData, match="content of fashion-mnist has the digest"):
        open_dataset(SPEC, (tmp_path,))


@pytest.mark.skipif(not HERE, reason="the Debian package dataset-fashion-mnist is not installed")
def test_the_real_files_have_the_known_digest_mean_and_deviation() -> None:
    dataset = open_dataset(SPEC, ())

    pixels = dataset.train.source.load(np.arange(60_000), 28).float() / 255
    assert len(dataset.train) + len(dataset.validation) == 60_000
    assert len(dataset.test) == 10_000
    assert pixels.mean().item() == pytest.approx(dataset.normalisation.mean[0], abs=1e-3)
    assert pixels.std().item() == pytest.approx(dataset.normalisation.std[0], abs=1e-3)
