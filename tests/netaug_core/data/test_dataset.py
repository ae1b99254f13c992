"""Datasets are what they are known to be, and are split as announced."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netaug_core import datasets
from netaug_core.data.dataset import open_dataset, open_test_part
from netaug_core.errors import BadData
from netaug_core.sections.data import DataSpec
from tests.netaug_core import shapes


def data_spec(name: str, fraction: float = 0.2) -> DataSpec:
    return DataSpec(dataset=name, validation_fraction=fraction)


@pytest.fixture
def own_copy(data_root: Path, tmp_path: Path) -> Path:
    """A data root whose `stripes` may be changed."""
    shutil.copytree(data_root / "stripes", tmp_path / "stripes")
    return tmp_path


def test_the_digits_are_split_as_announced() -> None:
    digits = open_dataset(data_spec("digits", 0.15), ())

    assert digits.digest == datasets.DIGITS.digest
    assert len(digits.train) + len(digits.validation) == datasets.DIGITS.num_train
    assert len(digits.test) == datasets.DIGITS.num_test
    parts = (digits.train, digits.validation, digits.test)
    indices = np.concatenate([part.indices for part in parts])
    assert np.array_equal(np.sort(indices), np.arange(1797))
    assert all(len(np.unique(part.labels)) == 10 for part in parts)


def test_the_digits_normalisation_is_that_of_their_training_images() -> None:
    digits = open_dataset(data_spec("digits"), ())
    indices = np.concatenate([digits.train.indices, digits.validation.indices])

    pixels = digits.train.source.load(indices, 8).float() / 255

    assert pixels.mean().item() == pytest.approx(digits.normalisation.mean[0], abs=1e-3)
    assert pixels.std().item() == pytest.approx(digits.normalisation.std[0], abs=1e-3)


def test_a_folder_has_its_classes_and_its_val_is_the_test_part(data_root: Path) -> None:
    stripes = open_dataset(data_spec("stripes"), (data_root,))

    assert stripes.class_names == shapes.CLASSES
    assert len(stripes.test) == 2 * shapes.TEST_IMAGES
    assert len(stripes.validation) == 8
    assert stripes.digest == datasets.folder_digest(data_root / "stripes")


def test_changing_one_picture_changes_the_digest(own_copy: Path) -> None:
    before = open_dataset(data_spec("stripes"), (own_copy,)).digest
    folder = own_copy / "stripes" / "train" / "down"
    shutil.copy(folder / "1.png", folder / "0.png")

    assert open_dataset(data_spec("stripes"), (own_copy,)).digest != before


@pytest.mark.parametrize(("split", "part"), [("train", "training"), ("val", "test")])
def test_an_empty_class_is_named(own_copy: Path, split: str, part: str) -> None:
    for path in (own_copy / "stripes" / split / "down").iterdir():
        path.unlink()

    with pytest.raises(BadData, match=f"class 'down' has 0 {part} images"):
        open_dataset(data_spec("stripes"), (own_copy,))


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_damaged_picture_of_either_part_is_named(own_copy: Path, split: str) -> None:
    (own_copy / "stripes" / split / "down" / "1.png").write_bytes(b"no picture")

    with pytest.raises(BadData, match=rf"{split}/down/1\.png is not a readable image"):
        open_dataset(data_spec("stripes"), (own_copy,))


def test_a_built_in_dataset_with_other_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "DIGITS", replace(datasets.DIGITS, digest="0" * 64))

    with pytest.raises(BadData, match="content of digits has the digest 87ff0c9e"):
        open_dataset(data_spec("digits"), ())


def test_the_test_part_alone_is_the_one_of_the_whole(data_root: Path) -> None:
    whole = open_dataset(data_spec("stripes"), (data_root,))

    part, normalisation = open_test_part(data_spec("stripes"), (data_root,))

    assert part.source == whole.test.source
    assert np.array_equal(part.labels, whole.test.labels)
    assert normalisation == whole.normalisation
