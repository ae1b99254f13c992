"""Pascal VOC's folders, good ones and bad ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netaug_core.data import decoding
from netaug_core.data.detection import files, folder
from netaug_core.data.detection.voc import read_voc
from netaug_core.detection_sets import VOC_CLASSES
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets

OBJECT = "<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"
PART = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"


def corners(left: object, top: object, right: object, bottom: object) -> str:
    """In the order of some of VOC 2012's files."""
    return f"<xmax>{right}</xmax><xmin>{left}</xmin><ymax>{bottom}</ymax><ymin>{top}</ymin>"


def write_own(
    root: Path, lists: dict[str, list[str]], objects: str = "", size: tuple[int, int] = (60, 40)
) -> None:
    """A folder of VOC's layout that is none of VOC's years: it says its classes."""
    write_year(root, lists, objects, size)
    (root / "classes.txt").write_text("cat\ndog\n")


def write_year(
    year: Path, lists: dict[str, list[str]], objects: str = "", size: tuple[int, int] = (60, 40)
) -> None:
    """By hand, as the devkit has it, and not by our writer."""
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (year / name).mkdir(parents=True, exist_ok=True)
    for list_name, names in lists.items():
        (year / f"ImageSets/Main/{list_name}.txt").write_text("".join(f"{n}\n" for n in names))
        for name in names:
            Image.new("RGB", (60, 40)).save(year / f"JPEGImages/{name}.jpg")
            (year / f"Annotations/{name}.xml").write_text(
                f"<annotation><filename>{name}.jpg</filename><size><width>{size[0]}</width>"
                f"<height>{size[1]}</height><depth>3</depth></size>{objects}</annotation>"
            )


DOG = OBJECT.format(name="dog", more=PART, box=corners(1, 1, 60, 40))
HARD_CAT = OBJECT.format(
    name="cat", more="<difficult>1</difficult>", box=corners(11, 21, "20.5", 30)
)


def test_the_devkit_trains_on_both_years_and_tests_on_the_first(tmp_path: Path) -> None:
    devkit = tmp_path / "VOCdevkit"
    write_year(devkit / "VOC2007", {"trainval": ["000005"], "test": ["000001"]}, DOG + HARD_CAT)
    write_year(devkit / "VOC2012", {"trainval": ["2008_000002"]}, DOG)

    read = folder.read_detection_folder(tmp_path)

    assert read.class_names == VOC_CLASSES
    assert [path.stem for path in read.train.paths] == ["000005", "2008_000002"]
    assert [path.stem for path in read.test.paths] == ["000001"]


def test_corners_become_continuous_and_difficult_is_kept(tmp_path: Path) -> None:
    write_year(tmp_path / "VOC2007", {"trainval": ["a"], "test": ["b"]}, DOG + HARD_CAT)

    annotation = read_voc(tmp_path / "VOC2007").test.annotations[0]

    # 1..60 are sixty pixels; the part of a person inside an object is not an object.
    assert annotation.boxes.tolist() == [[0, 0, 60, 40], [10, 20, 20.5, 30]]
    assert annotation.labels.tolist() == [VOC_CLASSES.index("dog"), VOC_CLASSES.index("cat")]
    assert annotation.difficult.tolist() == [False, True]
    assert annotation.areas.tolist() == [2400, 105]


def test_a_folder_of_ones_own_has_the_classes_of_its_file(tmp_path: Path) -> None:
    write_own(tmp_path, {"train": ["a"], "val": ["b"]}, DOG + HARD_CAT)

    read = read_voc(tmp_path)

    assert read.class_names == ("cat", "dog")
    assert [path.stem for path in read.test.paths] == ["b"]


def test_a_picture_without_objects_is_fine(tmp_path: Path) -> None:
    detection_sets.write_voc_folder(tmp_path)

    assert len(read_voc(tmp_path).train.annotations[1]) == 0


def test_what_overhangs_by_a_pixel_is_clipped(tmp_path: Path) -> None:
    overhanging = OBJECT.format(name="dog", more="", box=corners(0, 1, 61, 40))
    write_own(tmp_path, {"train": ["a"], "val": ["b"]}, overhanging)

    assert read_voc(tmp_path).train.annotations[0].boxes.tolist() == [[0, 0, 60, 40]]


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        (corners(1, 1, 62, 40), r"object 1 \(dog\): the box \(1, 1, 62, 40\) leaves the picture"),
        (corners(-1, 1, 30, 40), "leaves the picture of 60 x 40 by more than 1 pixel; clip it"),
        (corners(30, 1, 20, 40), "is inverted.*swap them"),
        (corners(30, 1, 29, 40), "is empty: it has no width"),
        (corners("nan", 1, 29, 40), "is not made of finite numbers"),
        (corners(1, 1, "1e400", 40), "is not made of finite numbers"),
        (corners(1, 1, "wide", 40), "<bndbox> needs <xmax>, a number; got 'wide'"),
        ("<xmin>1</xmin>", "<bndbox> needs <ymin>, a number; got None"),
    ],
    ids=["outside", "left", "inverted", "empty", "nan", "infinite", "a word", "missing"],
)
def test_a_bad_box_is_named(tmp_path: Path, box: str, sentence: str) -> None:
    write_own(tmp_path, {"train": ["a"]}, DOG)
    write_own(tmp_path, {"val": ["b"]}, OBJECT.format(name="dog", more="", box=box))

    with pytest.raises(BadData, match=rf"(?s)b\.xml: .*{sentence}"):
        read_voc(tmp_path)


def spoil_picture_missing(root: Path) -> None:
    (root / "JPEGImages/test_0.png").unlink()


def spoil_annotation_missing(root: Path) -> None:
    (root / "Annotations/test_0.xml").unlink()


def spoil_listed_twice(root: Path) -> None:
    with (root / "ImageSets/Main/test.txt").open("a") as file:
        file.write("test_0\n")


def spoil_leaving(root: Path) -> None:
    with (root / "ImageSets/Main/test.txt").open("a") as file:
        file.write("../../secret\n")


def spoil_linked_picture(root: Path) -> None:
    (root / "JPEGImages/test_0.png").rename(root / "elsewhere.png")
    (root / "JPEGImages/test_0.png").symlink_to(root / "elsewhere.png")


def spoil_linked_annotation(root: Path) -> None:
    (root / "Annotations/test_0.xml").rename(root / "elsewhere.xml")
    (root / "Annotations/test_0.xml").symlink_to(root / "elsewhere.xml")


def spoil_linked_folder(root: Path) -> None:
    (root / "Annotations").rename(root / "elsewhere")
    (root / "Annotations").symlink_to(root / "elsewhere")


def spoil_second_annotation(root: Path) -> None:
    (root / "Annotations/other.xml").write_bytes((root / "Annotations/test_0.xml").read_bytes())
    with (root / "ImageSets/Main/test.txt").open("a") as file:
        file.write("other\n")


def spoil_unknown_class(root: Path) -> None:
    replace(root / "Annotations/test_0.xml", "<name>bag</name>", "<name>bog</name>")


def spoil_size(root: Path) -> None:
    replace(root / "Annotations/test_0.xml", "<width>60</width>", "<width>61</width>")


def spoil_picture(root: Path) -> None:
    (root / "JPEGImages/test_0.png").write_bytes(b"no picture")


def spoil_half_a_picture(root: Path) -> None:
    picture = root / "JPEGImages/test_0.png"
    content = picture.read_bytes()
    picture.write_bytes(content[: len(content) // 2])


def spoil_entities(root: Path) -> None:
    laughs = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    replace(root / "Annotations/test_0.xml", "<annotation>", f"{laughs}<annotation>")


def spoil_xml(root: Path) -> None:
    replace(root / "Annotations/test_0.xml", "</annotation>", "")


def spoil_both_parts(root: Path) -> None:
    with (root / "ImageSets/Main/test.txt").open("a") as file:
        file.write("trainval_0\n")


def spoil_two_pictures(root: Path) -> None:
    Image.new("RGB", (60, 40)).save(root / "JPEGImages/test_0.jpg")


def spoil_difficult(root: Path) -> None:
    replace(
        root / "Annotations/test_0.xml",
        "<difficult>0</difficult>",
        "<difficult>maybe</difficult>",
    )


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_picture_missing, r"test_0.*: the picture is missing; add it"),
        (spoil_annotation_missing, r"test\.txt: 'test_0': cannot read .*No such file"),
        (spoil_listed_twice, r"test\.txt: 'test_0' is listed twice; remove one"),
        (spoil_leaving, r"secret\.xml' leaves the folder"),
        (spoil_linked_picture, r"test_0\.png is a link; put the file itself there"),
        (spoil_linked_annotation, r"test_0\.xml is a link; put the file itself there"),
        (spoil_linked_folder, r"Annotations is a link; put the file itself there"),
        (spoil_second_annotation, r"other\.xml: <filename> is 'test_0\.png'.*one annotation"),
        (spoil_unknown_class, r"object 1 \(bog\): the class 'bog' is unknown.*bag, coat, shoe"),
        (spoil_size, r"the picture is 60 x 40, but its annotation says 61 x 40"),
        (spoil_picture, r"test_0\.png: this is not a readable picture"),
        (spoil_half_a_picture, r"test_0\.png: this is not a readable picture"),
        (spoil_entities, r"test_0\.xml: a <!DOCTYPE> is not accepted"),
        (spoil_xml, r"test_0\.xml: this is not well-formed XML"),
        (spoil_both_parts, r"trainval_0\.png: the picture is in the training and in the test"),
        (spoil_two_pictures, r"belongs to test_0\.jpg and test_0\.png; keep one"),
        (spoil_difficult, r"<difficult> must be 0 or 1; got 'maybe'"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, spoil: Callable[[Path], None], sentence: str) -> None:
    detection_sets.write_voc_folder(tmp_path)
    spoil(tmp_path)

    with pytest.raises(BadData, match=f"(?s){sentence}"):
        read_voc(tmp_path)


def test_many_faults_are_counted_and_the_first_are_told(tmp_path: Path) -> None:
    empty = OBJECT.format(name="dog", more="", box=corners(9, 9, 8, 20))
    write_own(tmp_path, {"train": ["a"]}, DOG)
    write_own(tmp_path, {"val": [f"b{number}" for number in range(9)]}, empty)

    with pytest.raises(BadData) as caught:
        read_voc(tmp_path)

    assert str(caught.value).startswith("data.dataset: 9 faults:\n")
    assert str(caught.value).endswith("\n  and 4 more like these")


def test_a_turned_picture_has_the_size_it_is_seen_in(tmp_path: Path) -> None:
    write_own(tmp_path, {"train": ["a"], "val": ["b"]}, DOG)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.zeros((60, 40, 3), np.uint8)).save(
        tmp_path / "JPEGImages/b.jpg", exif=turned
    )

    assert read_voc(tmp_path).test.annotations[0].width == 60


def test_without_any_object_there_is_nothing_to_learn(tmp_path: Path) -> None:
    write_own(tmp_path, {"train": ["a"], "val": ["b"]})

    with pytest.raises(BadData, match="no picture of the training part has an object"):
        read_voc(tmp_path)


def test_a_folder_of_another_form_is_told_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="holds no detection dataset; it needs Pascal VOC's"):
        folder.read_detection_folder(tmp_path)


def test_a_linked_devkit_is_refused(tmp_path: Path) -> None:
    write_year(tmp_path / "elsewhere" / "VOC2007", {"trainval": ["a"], "test": ["b"]}, DOG)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "VOCdevkit").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadData, match="VOCdevkit is a link"):
        folder.read_detection_folder(tmp_path / "set")


def test_a_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    write_own(tmp_path, {"train": ["a"], "val": ["b"]}, DOG)
    (tmp_path / "JPEGImages/b.jpg").rename(tmp_path / "JPEGImages/b.JPG")

    assert read_voc(tmp_path).test.paths[0].name == "b.JPG"


@pytest.mark.parametrize(("orientation", "seen"), [(1, 60), (3, 60), (6, 40), (8, 40), (9, 60)])
def test_a_picture_s_size_is_that_of_its_decoded_pixels(
    tmp_path: Path, orientation: int, seen: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)

    width, height = files.picture_size(tmp_path / "a.jpg")

    assert width == seen
    assert decoding.open_picture(tmp_path / "a.jpg").pixels().shape == (height, width, 3)


def test_an_orientation_that_decoding_does_not_read_turns_nothing(tmp_path: Path) -> None:
    told = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "a.jpg", xmp=told)

    size = files.picture_size(tmp_path / "a.jpg")

    assert size == (60, 40)
    assert decoding.open_picture(tmp_path / "a.jpg").pixels().shape == (40, 60, 3)


def test_a_box_of_which_float32_leaves_nothing_is_named(tmp_path: Path) -> None:
    thin = OBJECT.format(name="dog", more="", box=corners(30, 1, "29.000000001", 40))
    write_own(tmp_path, {"train": ["a"]}, DOG)
    write_own(tmp_path, {"val": ["b"]}, thin)

    with pytest.raises(BadData, match=r"(?s)b\.xml: object 1 \(dog\): .* is empty"):
        read_voc(tmp_path)
