"""Which forms of detection datasets there are, and which classes one has. Reads no picture.

Pascal VOC: Annotations/NAME.xml, JPEGImages/NAME.jpg, ImageSets/Main/LIST.txt. COCO:
annotations/instances_{train,val}*.json, and folders of pictures.
"""

import re
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from netaug_core.errors import BadData

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
VOC_YEARS = ("VOC2007", "VOC2012")
VOC_LISTS = Path("ImageSets") / "Main"
DEVKIT = "VOCdevkit"
CLASSES_FILE = "classes.txt"  # ours: a class a line, for folders that are not VOC's own years
COCO_ANNOTATIONS = "annotations"
COCO_FILE = re.compile(r"instances_(train|val)(\d{4})?\.json")
MOST_CLASSES = 2_000  # the largest sets of objects have some 1,200
MOST_CLASSES_BYTES = 1 << 20
MOST_COCO_BYTES = 64 << 20  # of the validation file alone; the official one has 20 MB


class _Category(BaseModel):
    id: int
    name: str


class _Categories(BaseModel):
    categories: list[_Category] = Field(min_length=1)


def form(location: Path) -> str | None:
    """Voc or coco; None: neither."""
    if voc_folder(location) is not None:
        return "voc"
    return "coco" if is_coco(location) else None


def voc_folder(location: Path) -> Path | None:
    """The devkit, the year or the folder of VOC's layout that is here."""
    return next((one for one in (location / DEVKIT, location) if is_voc(one)), None)


def is_voc(location: Path) -> bool:
    return any((folder / VOC_LISTS).is_dir() for folder in (location, *voc_years(location)))


def voc_years(location: Path) -> list[Path]:
    """Folders of the years, in a devkit."""
    return [location / year for year in VOC_YEARS if (location / year / VOC_LISTS).is_dir()]


def is_coco(location: Path) -> bool:
    folder = location / COCO_ANNOTATIONS
    return folder.is_dir() and any(COCO_FILE.fullmatch(path.name) for path in folder.iterdir())


def num_classes(location: Path) -> int:
    """Of the dataset in a folder; what each is called is not looked into.

    Raises:
        BadData: it is not to be known: no classes file, or no annotations that can be read.
    """
    voc = voc_folder(location)
    return len(voc_classes(voc)) if voc is not None else _num_categories(location)


def voc_classes_file(location: Path) -> Path | None:
    """The classes file here or in a year; a link is none."""
    paths = (folder / CLASSES_FILE for folder in (location, *voc_years(location)))
    return next((path for path in paths if path.is_file() and not path.is_symlink()), None)


def voc_classes(location: Path) -> tuple[str, ...]:
    """Of a devkit, a year, or a folder of VOC's layout: its classes file's, or VOC's own.

    Raises:
        BadData: there is neither, or a class is there twice.
    """
    path = voc_classes_file(location)
    if path is not None:
        return _listed(path)
    if voc_years(location) or location.name in VOC_YEARS:
        return VOC_CLASSES
    raise BadData(
        f"data.dataset: {location.name} needs {CLASSES_FILE}, which names its classes, one a line; "
        f"only {' and '.join(VOC_YEARS)} go without"
    )


def _listed(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        content = file.read(MOST_CLASSES_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(f"data.dataset: {path.name} is not UTF-8 text; write it anew") from error
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(content) > MOST_CLASSES_BYTES or len(names) > MOST_CLASSES:
        raise BadData(f"data.dataset: {path.name} has more than {MOST_CLASSES:,} classes")
    if not names or len(set(names)) < len(names):
        raise BadData(f"data.dataset: {path.name} must have at least one class a line, none twice")
    return names


def _num_categories(location: Path) -> int:
    folder = location / COCO_ANNOTATIONS
    for path in sorted(folder.iterdir()):
        match = COCO_FILE.fullmatch(path.name)
        if match is not None and match[1] == "val" and path.is_file() and not path.is_symlink():
            status = path.stat()
            found = _count_categories(path, status.st_size, status.st_mtime_ns)
            if isinstance(found, str):
                raise BadData(f"data.dataset: {path.name} {found}")
            return found
    raise BadData(
        f"data.dataset: {COCO_ANNOTATIONS}/ needs instances_val.json (a year may follow the name)"
    )


@lru_cache(maxsize=64)
def _count_categories(path: Path, size: int, changed: int) -> int | str:
    """Of a file as it was at that time; or what is wrong with it."""
    del changed
    if size > MOST_COCO_BYTES:
        return f"is larger than {MOST_COCO_BYTES:,} bytes; split or remove it"
    try:
        count = len(_Categories.model_validate_json(path.read_bytes()).categories)
    except ValidationError:
        return "is not a COCO file of objects: it needs categories, a list of id and name"
    return count if count <= MOST_CLASSES else f"has more than {MOST_CLASSES:,} categories"
