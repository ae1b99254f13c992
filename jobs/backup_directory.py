"""The directory of backups: who may use it now, its manifest, and where rows lie.

Rows are written to that of two places which the manifest does not name. The new manifest replaces
the earlier one by a rename, and only then the earlier rows go: one of the two is always whole.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from jobs.errors import BackupBusy, BackupUnusable
from jobs.storage import flush

MANIFEST = "manifest.json"  # written last: without it a backup is not whole
FORMAT = 2
LOCK = ".lock"  # stays: who removed it could let two in
PLACES = ("rows-a", "rows-b")
OBJECTS = "objects"


def for_writing(directory: Path) -> AbstractContextManager[None]:
    """While it is held, nobody else backs up into the directory or restores from it.

    Raises:
        BackupBusy: another does so now.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return _locked(directory, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX)


def for_reading(directory: Path) -> AbstractContextManager[None]:
    """While it is held, nobody backs up into the directory.

    Raises:
        BackupBusy: another does so now.
    """
    if not (directory / LOCK).exists():  # a copy, perhaps on a disk that cannot be written to
        return nullcontext()
    return _locked(directory, os.O_RDONLY, fcntl.LOCK_SH)


@contextmanager
def _locked(directory: Path, flags: int, how: int) -> Iterator[None]:
    descriptor = os.open(directory / LOCK, flags | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupBusy(
                f"another backup or restore is under way in {directory}; wait until it has ended"
            ) from error
        yield
    finally:
        os.close(descriptor)


def place_for_rows(directory: Path) -> Path:
    """An empty directory for the rows of the next backup."""
    earlier = _earlier_rows(directory)
    rows = directory / next(place for place in PLACES if place != earlier)
    if rows.exists():  # of a backup that was killed
        shutil.rmtree(rows)
    rows.mkdir()
    return rows


def put_manifest(directory: Path, rows: Path, told: dict[str, Any]) -> None:
    """Let these rows, which are on the disk, take the place of the earlier ones."""
    earlier = _earlier_rows(directory)
    partial = directory / f".{MANIFEST}.partial"
    manifest = {"format": FORMAT, "rows": rows.name, **told}
    partial.write_text(json.dumps(manifest, indent=2) + "\n")
    flush(partial, directory, directory.parent)
    partial.replace(directory / MANIFEST)
    flush(directory)
    if earlier is not None:
        shutil.rmtree(directory / earlier, ignore_errors=True)


def object_file(directory: Path, key: str) -> Path:
    """Where a copied object lies."""
    return directory / OBJECTS / key


def prune(directory: Path, kept: set[str]) -> None:
    """Remove every object but those of these keys, and directories that are empty then."""
    top = directory / OBJECTS
    for parent, directories, files in os.walk(top, topdown=False):
        for name in files:
            path = Path(parent, name)
            if str(path.relative_to(top)) not in kept:
                path.unlink()
        for name in directories:
            path = Path(parent, name)
            if not any(path.iterdir()):
                path.rmdir()


def manifest(directory: Path) -> dict[str, Any]:
    """What the backup in the directory is.

    Raises:
        BackupUnusable: there is none, or it is of another format.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise BackupUnusable(f"{path} is missing: no backup, or one that was not finished")
    found: dict[str, Any] = json.loads(path.read_text())
    if found.get("format") != FORMAT:
        raise BackupUnusable(
            f"{path} has format {found.get('format')!r}, this release reads {FORMAT}; "
            "restore with the release that made it"
        )
    return found


def _earlier_rows(directory: Path) -> str | None:
    path = directory / MANIFEST
    earlier: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return earlier.get("rows")
