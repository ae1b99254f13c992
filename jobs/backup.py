"""A backup: the rows of one moment, then every object that they name, in a directory.

The rows come first: an object is stored before a row names it and never changes, so all that the
rows of that moment name is there to be copied, as long as nothing is removed meanwhile.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobs import db, processes, schema
from jobs.dialect import UtcDateTime, follow_sequence, snapshot
from jobs.errors import BackupUnusable, ObjectMissing
from jobs.ids import new_id
from jobs.storage import Storage
from jobs.tables import artifacts, checkpoints, metadata
from jobs.tables import processes as process_table
from netaug_core.datasets import file_digest

MANIFEST = "manifest.json"  # written last: without it a backup is not whole
FORMAT = 1
ROWS = 1000
HOLD_S = 5.0
NAMING = (artifacts, checkpoints)  # tables whose rows name objects
TABLES = [table for table in metadata.sorted_tables if table is not process_table]


@dataclass(frozen=True)
class Named:
    """An object that a row names."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Outcome:
    """What was copied, and one sentence for each object that could not be."""

    rows: int
    objects: int
    size_bytes: int
    problems: tuple[str, ...]


def back_up(engine: sa.Engine, storage: Storage, directory: Path) -> Outcome:
    """Copy rows and objects. Into a directory with an earlier backup, only objects it lacks.

    Raises:
        StorageUnavailable: the store does not answer; the backup is not whole.
    """
    (directory / MANIFEST).unlink(missing_ok=True)
    _rows_directory(directory).mkdir(parents=True, exist_ok=True)
    with _nothing_removed(engine):
        with snapshot(engine) as connection:
            revision = schema.revision(connection)
            counts = {table.name: _dump(connection, table, directory) for table in TABLES}
        copied = _copy_objects(storage, directory)
    outcome = Outcome(sum(counts.values()), *copied)
    _write_manifest(directory, {"format": FORMAT, "revision": revision, "rows": counts})
    return outcome


def restore(engine: sa.Engine, storage: Storage, directory: Path) -> Outcome:
    """Bring a backup into an empty database and a store: objects first, then rows.

    Raises:
        BackupUnusable: it is not whole, of another release, or the database is not empty.
        StorageUnavailable: the store does not answer.
    """
    manifest = _manifest(directory)
    schema.upgrade(engine)
    with db.reading(engine) as connection:
        revision = schema.revision(connection)
        _check_empty(connection)
    if manifest["revision"] != revision:
        raise BackupUnusable(
            f"{directory} is of schema {manifest['revision']}, this release has {revision}; "
            "restore with the release that made it, then migrate"
        )
    objects = _put_objects(storage, directory)
    with db.writing(engine) as connection:
        rows = sum(_load(connection, table, directory) for table in TABLES)
    return Outcome(rows, *objects)


def _check_empty(connection: sa.Connection) -> None:
    for table in TABLES:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise BackupUnusable(
                f"the database has rows in {table.name} already; restore into an empty one"
            )


@contextmanager
def _nothing_removed(engine: sa.Engine) -> Iterator[None]:
    """Dispatchers remove no object before the end; if this process dies, for half a minute."""
    name, ended = new_id("backup"), threading.Event()

    def report() -> None:
        with db.writing(engine) as connection:
            processes.report(connection, processes.BACKUP, name, {})

    def go_on() -> None:
        while not ended.wait(HOLD_S):
            report()

    report()
    reporter = threading.Thread(target=go_on, name="backup-hold", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
        with db.writing(engine) as connection:
            processes.leave(connection, processes.BACKUP, name)


def _rows_directory(directory: Path) -> Path:
    return directory / "rows"


def _rows_file(directory: Path, table: sa.Table) -> Path:
    return _rows_directory(directory) / f"{table.name}.jsonl"


def _dump(connection: sa.Connection, table: sa.Table, directory: Path) -> int:
    count = 0
    rows = connection.execution_options(yield_per=ROWS).execute(
        sa.select(table).order_by(*table.primary_key)  # what a row of the table refers to is older
    )
    with _rows_file(directory, table).open("w") as file:
        for row in rows:
            file.write(json.dumps(dict(row._mapping), default=_plain) + "\n")
            count += 1
    return count


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a column holds {value!r}, which no backup can keep")


def _load(connection: sa.Connection, table: sa.Table, directory: Path) -> int:
    times = [column.name for column in table.c if isinstance(column.type, UtcDateTime)]
    count, batch = 0, []
    with _rows_file(directory, table).open() as file:
        for line in file:
            row: dict[str, Any] = json.loads(line)
            for name in times:
                row[name] = None if row[name] is None else datetime.fromisoformat(row[name])
            batch.append(row)
            count += 1
            if len(batch) == ROWS:
                connection.execute(sa.insert(table), batch)
                batch = []
    if batch:
        connection.execute(sa.insert(table), batch)
    follow_sequence(connection, table)
    return count


def _named(directory: Path) -> Iterator[Named]:
    for table in NAMING:
        with _rows_file(directory, table).open() as file:
            for line in file:
                row = json.loads(line)
                yield Named(row["storage_key"], row["size_bytes"], row["sha256"])


def _object_file(directory: Path, named: Named) -> Path:
    return directory / "objects" / named.key


def _copy_objects(storage: Storage, directory: Path) -> tuple[int, int, tuple[str, ...]]:
    count, size_bytes, problems = 0, 0, []
    for named in _named(directory):
        path = _object_file(directory, named)
        if not _is_there(path, named):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            try:
                storage.fetch(named.key, partial, size_bytes=named.size_bytes, sha256=named.sha256)
            except ObjectMissing as error:
                problems.append(str(error))
                continue
            partial.replace(path)
        count += 1
        size_bytes += named.size_bytes
    return count, size_bytes, tuple(problems)


def _is_there(path: Path, named: Named) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == named.size_bytes
        and file_digest(path) == named.sha256
    )


def _put_objects(storage: Storage, directory: Path) -> tuple[int, int, tuple[str, ...]]:
    count, size_bytes, problems = 0, 0, []
    for named in _named(directory):
        path = _object_file(directory, named)
        if not _is_there(path, named):
            problems.append(f"{named.key} is not in the backup, or not as it was")
            continue
        storage.put_checked(named.key, path, size_bytes=named.size_bytes, sha256=named.sha256)
        count += 1
        size_bytes += named.size_bytes
    return count, size_bytes, tuple(problems)


def _write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    partial = directory / f".{MANIFEST}.partial"
    partial.write_text(json.dumps(manifest, indent=2) + "\n")
    partial.replace(directory / MANIFEST)


def _manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST
    if not path.is_file():
        raise BackupUnusable(f"{path} is missing: no backup, or one that was not finished")
    manifest: dict[str, Any] = json.loads(path.read_text())
    if manifest.get("format") != FORMAT:
        raise BackupUnusable(f"{path} has format {manifest.get('format')!r}; this is {FORMAT}")
    return manifest
