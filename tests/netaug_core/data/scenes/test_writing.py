"""Generated datasets: in true form, the same for the same seed, nothing shared by their parts."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netaug_core.data.detection.folder import read_detection_folder
from netaug_core.data.scenes import fashion, stamps
from netaug_core.data.scenes.__main__ import main
from netaug_core.data.scenes.crops import LEAST_SIDE
from netaug_core.data.scenes.writing import ScenesPlan, write_scenes
from netaug_core.errors import BadData, BadSpec
from tests.netaug_core import scene_sets


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds fashion-mnist/ and stamps/; not to be changed."""
    root = tmp_path_factory.mktemp("materials")
    scene_sets.write_garments(root)
    scene_sets.write_stamps(root / "stamps")
    return root


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    root: Path, tmp_path: Path
) -> None:
    first = write_scenes(scene_sets.fashion_plan(root), tmp_path / "a", "voc")
    again = write_scenes(scene_sets.fashion_plan(root), tmp_path / "b", "voc")
    other = write_scenes(scene_sets.fashion_plan(root, seed=1), tmp_path / "c", "voc")

    assert first.digest == again.digest != other.digest
    assert json.loads((tmp_path / "a/scenes.json").read_text())["digest"] == first.digest


def test_both_forms_hold_the_same_pictures_and_objects(root: Path, tmp_path: Path) -> None:
    plan = scene_sets.fashion_plan(root)
    write_scenes(plan, tmp_path / "voc", "voc")
    write_scenes(plan, tmp_path / "coco", "coco")

    voc = read_detection_folder(tmp_path / "voc")
    coco = read_detection_folder(tmp_path / "coco")

    assert (voc.form, coco.form) == ("voc", "coco")
    assert voc.class_names == coco.class_names == fashion.NAMES
    for ours, theirs in ((voc.train, coco.train), (voc.test, coco.test)):
        for mine, other in zip(ours.annotations, theirs.annotations, strict=True):
            assert np.array_equal(mine.boxes, other.boxes)
            assert np.array_equal(mine.difficult, other.difficult)
            # COCO tells how many pixels are seen of an object, VOC its box only.
            assert (other.areas <= mine.areas).all()
        for mine, other in zip(ours.paths, theirs.paths, strict=True):
            assert mine.read_bytes() == other.read_bytes()


def test_a_larger_set_has_the_smaller_within(root: Path, tmp_path: Path) -> None:
    write_scenes(scene_sets.fashion_plan(root, num_train=2), tmp_path / "small", "voc")
    write_scenes(scene_sets.fashion_plan(root, num_train=5), tmp_path / "large", "voc")

    for path in (tmp_path / "small/Annotations").iterdir():
        assert (tmp_path / "large/Annotations" / path.name).read_bytes() == path.read_bytes()


def test_objects_of_the_parts_are_apart(root: Path) -> None:
    train, test = stamps.read_stamps(root / "stamps")

    for learnt, tested in zip(train.paths, test.paths, strict=True):
        assert (len(learnt), len(tested)) == (3, 1)
        assert not set(learnt) & set(tested)
        assert not any("mirror" in path.name for path in (*learnt, *tested))


def test_stamps_make_a_dataset_of_their_folders(root: Path, tmp_path: Path) -> None:
    plan = ScenesPlan("stamps-scenes", num_train=8, num_test=2, size=64, stamps=root / "stamps")

    written = write_scenes(plan, tmp_path / "set", "coco")

    assert written.class_names[:3] == ("bird", "fish", "flower")
    assert written.licence.startswith("GPL-2")
    assert len(read_detection_folder(tmp_path / "set").train) == 8


def test_stamps_that_are_not_installed_are_named(tmp_path: Path) -> None:
    plan = ScenesPlan("stamps-scenes", stamps=tmp_path / "nowhere")

    with pytest.raises(BadData, match="install the Debian package tuxpaint-stamps-default"):
        write_scenes(plan, tmp_path / "set", "coco")


def test_a_stamp_of_nothing_is_named(tmp_path: Path) -> None:
    scene_sets.write_stamps(tmp_path)
    for path in tmp_path.rglob("*.png"):
        Image.new("RGBA", (9, 9)).save(path)
    plan = ScenesPlan("stamps-scenes", num_train=9, stamps=tmp_path)

    with pytest.raises(BadData, match="is all transparent"):
        write_scenes(plan, tmp_path / "set", "voc")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_test": 0}, "num_test must be from 1 to 1000000; got 0"),
        ({"size": 8}, "size must be from 32 to 1024; got 8"),
        ({"seed": -1}, "seed must be from 0 to"),
    ],
)
def test_a_number_out_of_range_is_named(
    root: Path, tmp_path: Path, change: dict[str, int], sentence: str
) -> None:
    with pytest.raises(BadSpec, match=sentence):
        write_scenes(scene_sets.fashion_plan(root, **change), tmp_path / "set", "voc")


def test_a_set_of_some_classes_has_these_alone_in_their_order(root: Path, tmp_path: Path) -> None:
    chosen = {"classes": ("bag", "trouser")}
    write_scenes(scene_sets.fashion_plan(root, **chosen), tmp_path / "fashion", "voc")
    birds = ScenesPlan("stamps-scenes", 0, 4, 2, 64, ("bird",), root / "stamps")
    write_scenes(birds, tmp_path / "birds", "coco")

    fashion_set = read_detection_folder(tmp_path / "fashion")
    assert fashion_set.class_names == ("trouser", "bag")
    seen = {label for one in fashion_set.train.annotations for label in one.labels.tolist()}
    assert seen == {0, 1}
    assert read_detection_folder(tmp_path / "birds").class_names == ("bird",)


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [(("hat",), "fashion-scenes has no 'hat'; it has t-shirt"), (("bag", "bag"), "name each once")],
)
def test_classes_that_cannot_be_are_named(
    root: Path, tmp_path: Path, classes: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(BadSpec, match=sentence):
        write_scenes(scene_sets.fashion_plan(root, classes=classes), tmp_path / "set", "voc")


def test_crops_are_the_clear_objects_one_by_one(root: Path, tmp_path: Path) -> None:
    plan = scene_sets.fashion_plan(root)
    scenes = write_scenes(plan, tmp_path / "voc", "voc")
    crops = write_scenes(plan, tmp_path / "crops", "crops")

    annotations = read_detection_folder(tmp_path / "voc").train.annotations
    clear = [
        int(label)
        for one in annotations
        for box, label, difficult in zip(one.boxes, one.labels, one.difficult, strict=True)
        if not difficult and max(box[2:] - box[:2]) >= LEAST_SIDE
    ]
    found = sorted((tmp_path / "crops/train").glob("*/*.jpg"))
    assert crops.num_train == len(found) == len(clear) > 0
    by_class = Counter(path.parent.name for path in found)
    assert by_class == Counter(fashion.NAMES[label] for label in clear)
    for path in found:
        with Image.open(path) as picture:
            width, height = picture.size
        assert width == height <= plan.size
    assert (scenes.form, crops.form) == ("voc", "crops")


def test_a_folder_that_holds_something_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(BadSpec, match="must be a new or an empty folder"):
        write_scenes(scene_sets.fashion_plan(root), tmp_path, "voc")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_command_writes_both_forms_and_tells_their_digests(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = ("--train", "2", "--test", "1", "--size", "48", "--format", "both")

    code = main(["fashion-scenes", str(tmp_path / "set"), *numbers, "--data", str(root)])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.split()[-1] for line in lines] == [
        json.loads((tmp_path / "set" / form / "scenes.json").read_text())["digest"]
        for form in ("voc", "coco")
    ]


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["fashion-scenes", str(tmp_path / "set"), "--size", "7"])

    assert code == BadSpec.exit_code
    assert capsys.readouterr().err == "error: size must be from 32 to 1024; got 7\n"
