"""Files of a dataset that others made: none outside its folder, none behind a link, none huge."""

import hashlib
import re
import warnings
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from PIL import Image

from netaug_core.data import decoding
from netaug_core.datasets import file_digest
from netaug_core.errors import BadData

UNSAFE = re.compile(r"[\\\x00-\x1f\x7f]|^[A-Za-z]:|(^|/)\.\.?(/|$)|//|^/|/$|^$")


class Unusable(Exception):
    """A file cannot be used; the sentence goes behind its name."""


def inside(folder: Path, name: str) -> Path:
    """The file of this name, a relative path with slashes.

    Raises:
        Unusable: it is outside the folder, or behind a link.
    """
    if UNSAFE.search(name):
        raise Unusable(f"the path {name[:200]!r} leaves the folder; name a file below {folder}")
    path = folder
    try:
        for part in PurePosixPath(name).parts:
            path = path / part
            if path.is_symlink():
                raise Unusable(f"{path} is a link; put the file itself there")
    except (OSError, ValueError) as error:
        raise Unusable(f"the path {name[:200]!r} cannot be one ({error.args[-1]})") from error
    return path


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """What is in the folder must be there itself.

    Raises:
        BadData: something is behind a link.
    """
    for name in names:
        try:
            inside(folder, name)
        except Unusable as fault:
            raise BadData(f"data.dataset: {fault}") from fault


def content(path: Path, most_bytes: int) -> bytes:
    """A file that is read whole.

    Raises:
        BadData: it is missing, a link, unreadable, or larger than anything sensible.
    """
    if path.is_symlink():
        raise BadData(f"data.dataset: {path} is a link; put the file itself there")
    if path.exists() and not path.is_file():
        raise BadData(f"data.dataset: {path} is no plain file; put one there")
    try:
        with path.open("rb") as file:
            read = file.read(most_bytes + 1)
    except OSError as error:
        raise BadData(f"data.dataset: cannot read {path}: {error.strerror}") from error
    if len(read) > most_bytes:
        raise BadData(
            f"data.dataset: {path} is larger than {most_bytes:,} bytes; split or remove it"
        )
    return read


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is seen, from its header.

    Raises:
        Unusable: it is missing or no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return decoding.size(path)
    except FileNotFoundError as error:
        raise Unusable("the picture is missing; add it or remove its annotation") from error
    except (*decoding.UNREADABLE, Image.DecompressionBombWarning) as error:
        raise Unusable(f"this is not a readable picture ({error}); repair or remove it") from error


def digest(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the sorted relative paths and contents of a dataset's files."""
    total = hashlib.sha256()
    for path in sorted(set(paths)):
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(file_digest(path).encode())
    return total.hexdigest()
