"""`netaug datasets make`, which needs no server."""

import subprocess
from pathlib import Path

import pytest

from netaug_core import datasets
from tests.netaug_client.conftest import NETAUG, clean_environment

HERE = any(directory.is_dir() for directory in datasets.FASHION_MNIST_DIRS)


def make(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*NETAUG, "datasets", "make", *arguments],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(not HERE, reason="needs the Debian package dataset-fashion-mnist")
def test_a_generated_dataset_is_there_and_its_digest_told(tmp_path: Path) -> None:
    made = make(
        tmp_path, "fashion-scenes", str(tmp_path / "set"), "--train=3", "--test=1", "--size=48"
    )

    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"{tmp_path / 'set'}: 3 + 1 pictures, 10 classes, voc, sha256 ")
    assert (tmp_path / "set/ImageSets/Main/trainval.txt").read_text().count("\n") == 3


@pytest.mark.skipif(not HERE, reason="needs the Debian package dataset-fashion-mnist")
def test_garments_are_looked_for_below_each_folder_that_is_given(tmp_path: Path) -> None:
    (here,) = (directory for directory in datasets.FASHION_MNIST_DIRS if directory.is_dir())
    damaged = tmp_path / "damaged" / "fashion-mnist"
    damaged.mkdir(parents=True)
    for name in datasets.FASHION_MNIST_FILES:
        source = datasets.idx_file(here, name)
        assert source is not None
        (damaged / source.name).write_bytes(b"no idx")
    options = (f"--data={tmp_path}", f"--data={tmp_path / 'damaged'}")

    made = make(tmp_path, "fashion-scenes", str(tmp_path / "set"), "--size=48", *options)

    assert made.returncode != 0
    assert str(damaged) in made.stderr


def test_a_number_out_of_range_is_a_usage_error(tmp_path: Path) -> None:
    made = make(tmp_path, "fashion-scenes", str(tmp_path / "set"), "--size=7")

    assert made.returncode == 2
    assert made.stderr == "error: size must be from 32 to 1024; got 7\n"
