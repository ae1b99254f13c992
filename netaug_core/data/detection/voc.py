"""Pascal VOC directories: its own years, or a folder of that layout with lists of its own.

    Annotations/NAME.xml    JPEGImages/NAME.jpg    ImageSets/Main/LIST.txt (a NAME a line)

Several years: trained on the trainval of 2007 and 2012, tested on the test of 2007. One folder:
trainval.txt (or train.txt) and test.txt; without a test list, train.txt and val.txt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netaug_core.data.detection import checks, files, voc_xml
from netaug_core.data.detection.checks import Found
from netaug_core.data.detection.faults import Faults
from netaug_core.data.detection.parts import DetectionDataset, DetectionPart
from netaug_core.data.detection.voc_xml import BadXml, VocPicture
from netaug_core.datasets import IMAGE_SUFFIXES
from netaug_core.detection_sets import (
    CLASSES_FILE,
    VOC_LISTS,
    voc_classes,
    voc_classes_file,
    voc_years,
)
from netaug_core.errors import BadData

PICTURES, ANNOTATIONS = "JPEGImages", "Annotations"
MOST_LIST_BYTES = 64 << 20


@dataclass(frozen=True)
class _Entry:
    """A line of a list, and what its files hold."""

    source: Path
    picture: Path
    said: VocPicture


def read_voc(location: Path) -> DetectionDataset:
    """Read and check a devkit, a year or a folder of VOC's layout.

    Raises:
        BadData: something is missing or wrong; the first few faults are told.
    """
    faults = Faults()
    train_lists, test_list = _lists(location)
    train = [entry for path in train_lists for entry in _entries(path, faults)]
    test = _entries(test_list, faults)
    faults.raise_if_any()
    class_names = voc_classes(location)
    parts = [_part(entries, class_names, faults) for entries in (train, test)]
    checks.check_something_to_learn(train_lists[0], parts[0], faults)
    checks.check_pictures(parts[0], parts[1], faults)
    faults.raise_if_any()
    named = voc_classes_file(location)
    return DetectionDataset(
        class_names=class_names,
        train=parts[0],
        test=parts[1],
        form="voc",
        sources=(
            *(entry.source for entry in (*train, *test)),
            *(*train_lists, test_list),
            *([] if named is None else [named]),
        ),
    )


def _lists(location: Path) -> tuple[list[Path], Path]:
    """What to train on, and what to test on."""
    years = voc_years(location) or [location]
    for year in years:
        files.refuse_links(location, [year.name] if year != location else [])
        files.refuse_links(year, (PICTURES, ANNOTATIONS, VOC_LISTS.as_posix()))
    lists = years[0] / VOC_LISTS
    if (lists / "test.txt").is_file():
        return [_training_list(year / VOC_LISTS) for year in years], lists / "test.txt"
    if len(years) == 1 and (lists / "train.txt").is_file() and (lists / "val.txt").is_file():
        return [lists / "train.txt"], lists / "val.txt"
    raise BadData(
        f"data.dataset: {lists} needs trainval.txt (or train.txt) and test.txt, or train.txt and "
        "val.txt; add the lists"
    )


def _training_list(lists: Path) -> Path:
    for name in ("trainval.txt", "train.txt"):
        if (lists / name).is_file():
            return lists / name
    raise BadData(f"data.dataset: {lists} has no trainval.txt and no train.txt; add one")


def _entries(list_file: Path, faults: Faults) -> list[_Entry]:
    """What a list names, read; faults are left out."""
    folder = list_file.parents[2]
    entries = []
    for name in _names(list_file, faults):
        source = folder / ANNOTATIONS / f"{name}.xml"
        try:
            files.inside(folder / ANNOTATIONS, f"{name}.xml")
            said = voc_xml.read(source)
            entries.append(_Entry(source, _picture(folder, name, said), said))
        except (BadXml, files.Unusable) as fault:
            faults.add(source, str(fault))
        except BadData as error:
            problem = str(error).removeprefix("data.dataset: ")
            faults.add(list_file, f"{name!r}: {problem}; mend it, or take the name off the list")
    return entries


def _names(list_file: Path, faults: Faults) -> list[str]:
    try:
        text = files.content(list_file, MOST_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(f"data.dataset: {list_file} is not UTF-8 text; write it anew") from error
    names = [line.strip() for line in text.splitlines() if line.strip()]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            faults.add(list_file, f"{name!r} is listed twice; remove one of the lines")
        seen.add(name)
    if not names:
        raise BadData(f"data.dataset: {list_file} is empty; list the pictures, a name a line")
    return list(dict.fromkeys(names))


def _picture(folder: Path, name: str, said: VocPicture) -> Path:
    """The picture of an annotation: it has its name.

    Raises:
        Unusable: there are several, it is behind a link, or the annotation names another.
    """
    if said.file_name is not None and Path(said.file_name).stem != name != said.file_name:
        raise files.Unusable(
            f"<filename> is {said.file_name[:200]!r}, a picture with another name; each picture "
            f"has one annotation, of its own name: correct it, or remove the second one"
        )
    candidates = [
        files.inside(folder / PICTURES, f"{name}{written}")
        for suffix in sorted(IMAGE_SUFFIXES)
        for written in (suffix, suffix.upper())
    ]
    there = [path for path in candidates if path.is_file()]
    if len(there) > 1:
        raise files.Unusable(
            f"it belongs to {there[0].name} and {there[1].name}; keep one of the pictures"
        )
    return there[0] if there else folder / PICTURES / f"{name}.jpg"


def _part(entries: Sequence[_Entry], class_names: tuple[str, ...], faults: Faults) -> DetectionPart:
    numbers = {name: number for number, name in enumerate(class_names)}
    annotations = []
    for entry in entries:
        found = []
        for one in entry.said.objects:
            if one.name not in numbers:
                faults.add(entry.source, f"{one.place}: {_unknown(one.name, class_names)}")
                continue
            written = "({:g}, {:g}, {:g}, {:g})".format(*one.corners)
            found.append(
                Found(one.place, one.box, written, numbers[one.name], difficult=one.difficult)
            )
        said = entry.said
        annotations.append(checks.checked(entry.source, said.width, said.height, found, faults))
    return DetectionPart(tuple(entry.picture for entry in entries), tuple(annotations))


def _unknown(name: str, class_names: tuple[str, ...]) -> str:
    known = ", ".join(class_names[:20]) + (", ..." if len(class_names) > 20 else "")
    return (
        f"the class {name[:100]!r} is unknown; correct it, or put every class into "
        f"{CLASSES_FILE} (known: {known})"
    )
