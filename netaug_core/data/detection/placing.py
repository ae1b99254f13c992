"""Where the pictures of a written dataset lie."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from netaug_core.data.detection.parts import DetectionPart
from netaug_core.errors import BadData


def place(source: Path, target: Path) -> None:
    """Copy a picture, unless it is there already."""
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def refuse_twins(parts: Iterable[DetectionPart]) -> None:
    """Pictures that would lie in one folder need names of their own.

    Raises:
        BadData: two have the same, apart from the suffix.
    """
    seen: dict[str, Path] = {}
    for part in parts:
        for path in part.paths:
            other = seen.setdefault(path.stem, path)
            if other != path:
                raise BadData(
                    f"data.dataset: {other} and {path} would have the same name in one folder; "
                    "rename one"
                )
