"""Datasets by name: what is found, and what is refused with a reason."""

import os
from pathlib import Path

import pytest

from netaug_core import datasets, detection_sets
from netaug_core.datasets import RefusedPath, UnknownDataset
from netaug_core.errors import BadData
from tests.netaug_core import shapes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with the folder `kitchen/stripes`."""
    shapes.write_folder(tmp_path / "root" / "kitchen" / "stripes")
    return tmp_path / "root"


def test_a_folder_is_found_by_its_path_below_the_root(root: Path, tmp_path: Path) -> None:
    info = datasets.find("kitchen/stripes", [tmp_path / "elsewhere", root])

    assert (info.kind, info.num_classes, info.in_channels) == ("folder", 2, 3)
    assert info.location == root / "kitchen" / "stripes"


def test_the_catalogue_has_built_in_and_usable_folders_by_name(root: Path) -> None:
    (root / "broken" / "train" / "only").mkdir(parents=True)
    (root / "broken" / "val").mkdir()

    names = [info.name for info in datasets.catalogue([root])]

    assert names == sorted(names)
    assert {"digits", "kitchen/stripes"} <= set(names)
    assert "broken" not in names


def test_an_unknown_name_is_told_with_what_there_is(root: Path) -> None:
    with pytest.raises(UnknownDataset, match="there is no dataset 'cats'; use digits"):
        datasets.find("cats", [root])


def test_a_link_out_of_the_root_is_refused(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shapes.write_folder(outside)
    (root / "link").symlink_to(outside)

    with pytest.raises(RefusedPath, match="'link' is reached through a link"):
        datasets.find("link", [root])


def test_a_folder_with_one_class_is_refused(root: Path) -> None:
    (root / "one" / "train" / "only").mkdir(parents=True)

    with pytest.raises(BadData, match="at least two class folders; found 1"):
        datasets.find("one", [root])


def test_val_must_have_the_classes_of_train(root: Path) -> None:
    (root / "kitchen" / "stripes" / "val" / "extra").mkdir()

    with pytest.raises(BadData, match="val/ with the same class folders"):
        datasets.find("kitchen/stripes", [root])


def test_fashion_mnist_s_absence_is_told_with_the_remedy(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "FASHION_MNIST_DIRS", ())

    with pytest.raises(UnknownDataset, match="install the Debian package dataset-fashion-mnist"):
        datasets.find("fashion-mnist", [root])
    assert "fashion-mnist" not in [info.name for info in datasets.catalogue([root])]


def test_the_digest_covers_names_and_contents(root: Path) -> None:
    folder = root / "kitchen" / "stripes"
    digests = [datasets.folder_digest(folder)]
    picture = folder / "train" / "down" / "0.png"
    renamed = picture.rename(picture.with_name("renamed.png"))
    digests.append(datasets.folder_digest(folder))
    renamed.write_bytes(renamed.read_bytes() + b"x")
    digests.append(datasets.folder_digest(folder))

    assert len(set(digests)) == 3


@pytest.mark.parametrize("kind", ["folder", "pipe", "broken"])
def test_an_odd_file_takes_no_other_dataset_with_it(root: Path, kind: str) -> None:
    annotations = root / "odd" / "annotations"
    annotations.mkdir(parents=True)
    odd = annotations / "instances_val.json"
    if kind == "folder":
        odd.mkdir()
    elif kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.write_text("{}")

    names = {info.name for info in datasets.catalogue([root])}

    assert "kitchen/stripes" in names
    assert "odd" not in names
    with pytest.raises(BadData, match=r"instances_val\.json"):
        datasets.find("odd", [root])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("\n".join(map(str, range(2001))).encode(), "more than 2,000 classes"),
        (b"caf\xe9\n", "not UTF-8 text"),
        (b"cat\ncat\n", "none twice"),
    ],
)
def test_classes_that_cannot_be_are_told(root: Path, content: bytes, sentence: str) -> None:
    (root / "voc" / "ImageSets" / "Main").mkdir(parents=True)
    (root / "voc" / "classes.txt").write_bytes(content)

    with pytest.raises(BadData, match=sentence):
        datasets.find("voc", [root])


def test_a_byte_order_mark_is_no_part_of_a_class(root: Path) -> None:
    (root / "voc" / "ImageSets" / "Main").mkdir(parents=True)
    (root / "voc" / "classes.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")

    assert detection_sets.voc_classes(root / "voc") == ("cat", "dog")
