"""The digits come out of scikit-learn's wheel as scikit-learn itself reads them."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from netaug_core.data.digits import FILE, GREY_LEVELS, read_digits
from netaug_core.errors import BadData


def pretend_package_at(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleSpec("sklearn", None, origin=str(directory / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)


def test_pixels_and_labels_are_those_that_scikit_learn_reads() -> None:
    bunch = load_digits()
    raw = read_digits()

    for part in (raw.train, raw.test):
        images = part.source.load(part.indices, 8)[:, 0].numpy()
        expected = np.round(bunch.images[part.indices] * (255 / GREY_LEVELS))
        assert np.array_equal(images, expected)
        assert np.array_equal(part.labels, bunch.target[part.indices])


def test_a_machine_without_scikit_learn_is_told_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(BadData, match="ride in scikit-learn, which is missing; install it"):
        read_digits()


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(b"not compressed")
    pretend_package_at(tmp_path, monkeypatch)

    with pytest.raises(BadData, match=r"cannot read .*digits\.csv\.gz"):
        read_digits()
