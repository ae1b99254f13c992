"""A backup: the rows of one moment, then every object that they name, in a directory.

The rows come first: an object is stored before a row names it and never changes, so all that the
rows of that moment name is there to be copied, as long as nothing is removed meanwhile.

A directory may be written to again: objects never change, and the earlier rows and their manifest
stay until the new ones are whole (jobs/backup_directory.py).
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobs import backup_directory, db, schema
from jobs.dialect import UtcDateTime, follow_sequence, snapshot
from jobs.errors import BackupUnusable, ObjectMissing
from jobs.hold import Hold
from jobs.storage import Storage, flush
from jobs.tables import artifacts, checkpoints, metadata
from jobs.tables import processes as process_table
from netaug_core.datasets import file_digest

ROWS = 1000
NAMING = (artifacts, checkpoints)  # tables whose rows name objects
TABLES = [table for table in metadata.sorted_tables if table is not process_table]


@dataclass(frozen=True)
class Named:
    """An object that a row names."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Dumped:
    """A table's file."""

    rows: int
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

    An earlier backup in the directory stays as it is until this one is whole and on the disk; one
    that has problems does not take its place. Objects that only earlier ones named go at the end.

    Raises:
        BackupBusy: another backup or restore uses the directory.
        StorageUnavailable: the store does not answer.
        BackupInterrupted: objects may have been removed meanwhile.
    """
    with backup_directory.for_writing(directory):
        rows = backup_directory.place_for_rows(directory)
        try:
            told, outcome = _copy_all(engine, storage, directory, rows)
        except BaseException:
            shutil.rmtree(rows, ignore_errors=True)
            raise
        if outcome.problems:
            shutil.rmtree(rows)
        else:
            backup_directory.put_manifest(directory, rows, told)
            backup_directory.prune(directory, {named.key for named in _named(rows)})
    return outcome


def _copy_all(
    engine: sa.Engine, storage: Storage, directory: Path, rows: Path
) -> tuple[dict[str, Any], Outcome]:
    """What the manifest tells of the rows, and what was copied."""
    with Hold(engine) as hold:
        with snapshot(engine) as connection:
            revision = schema.revision(connection)
            tables = {table.name: _dump(connection, table, rows) for table in TABLES}
        flush(rows)
        copied = _copy_objects(storage, directory, rows, hold)
        hold.confirm()
    told = {"revision": revision, "tables": {name: asdict(of) for name, of in tables.items()}}
    return told, Outcome(sum(dumped.rows for dumped in tables.values()), *copied)


def restore(engine: sa.Engine, storage: Storage, directory: Path) -> Outcome:
    """Bring a backup into an empty database and a store: objects first, then rows.

    Raises:
        BackupBusy: a backup is being written to the directory.
        BackupUnusable: it is not whole, of another release, or the database is not empty.
        StorageUnavailable: the store does not answer.
    """
    with backup_directory.for_reading(directory):
        manifest = backup_directory.manifest(directory)
        schema.upgrade(engine)
        with db.reading(engine) as connection:
            _check_empty(connection)
            _check_release(connection, directory, manifest["revision"])
        rows = directory / manifest["rows"]
        tables = {name: Dumped(**told) for name, told in manifest["tables"].items()}
        _check_rows(rows, tables)
        objects = _put_objects(storage, directory, rows)
        with db.writing(engine) as connection:
            for table in TABLES:
                _load(connection, table, rows, tables[table.name])
    return Outcome(sum(dumped.rows for dumped in tables.values()), *objects)


def _check_release(connection: sa.Connection, directory: Path, made_with: str) -> None:
    revision = schema.revision(connection)
    if made_with != revision:
        raise BackupUnusable(
            f"{directory} is of schema {made_with}, this release has {revision}; "
            "restore with the release that made it, then migrate"
        )


def _check_empty(connection: sa.Connection) -> None:
    for table in TABLES:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise BackupUnusable(
                f"the database has rows in {table.name} already; restore into an empty one"
            )


def _check_rows(rows: Path, tables: dict[str, Dumped]) -> None:
    for table in TABLES:
        file = _rows_file(rows, table)
        if not file.is_file() or file_digest(file) != tables[table.name].sha256:
            raise BackupUnusable(
                f"{file} is gone or has changed since the backup; restore another copy of it"
            )


def _rows_file(rows: Path, table: sa.Table) -> Path:
    return rows / f"{table.name}.jsonl"


def _dump(connection: sa.Connection, table: sa.Table, rows: Path) -> Dumped:
    path, count = _rows_file(rows, table), 0
    found = connection.execution_options(yield_per=ROWS).execute(
        sa.select(table).order_by(*table.primary_key)  # what a row of the table refers to is older
    )
    with path.open("w") as file:
        for row in found:
            file.write(json.dumps(dict(row._mapping), default=_plain) + "\n")
            count += 1
    flush(path)
    return Dumped(count, file_digest(path))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a column holds {value!r}, which no backup can keep")


def _load(connection: sa.Connection, table: sa.Table, rows: Path, dumped: Dumped) -> None:
    times = [column.name for column in table.c if isinstance(column.type, UtcDateTime)]
    count, batch = 0, []
    with _rows_file(rows, table).open() as file:
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
    if count != dumped.rows:
        raise BackupUnusable(
            f"{table.name} has {count} rows in the backup and {dumped.rows} in its manifest; "
            "nothing was restored, use another backup"
        )
    follow_sequence(connection, table)


def _named(rows: Path) -> Iterator[Named]:
    for table in NAMING:
        with _rows_file(rows, table).open() as file:
            for line in file:
                row = json.loads(line)
                yield Named(row["storage_key"], row["size_bytes"], row["sha256"])


def _copy_objects(
    storage: Storage, directory: Path, rows: Path, hold: Hold
) -> tuple[int, int, tuple[str, ...]]:
    count, size_bytes, problems = 0, 0, []
    directories: set[Path] = set()
    for named in _named(rows):
        hold.check()
        path = backup_directory.object_file(directory, named.key)
        if not _is_there(path, named):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _copy(storage, named, path)
            except ObjectMissing as error:
                problems.append(str(error))
                continue
        directories.update(takewhile(lambda parent: parent != directory, path.parents))
        count += 1
        size_bytes += named.size_bytes
    flush(*directories)
    return count, size_bytes, tuple(problems)


def _copy(storage: Storage, named: Named, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        storage.fetch(named.key, partial, size_bytes=named.size_bytes, sha256=named.sha256)
        flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _is_there(path: Path, named: Named) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == named.size_bytes
        and file_digest(path) == named.sha256
    )


def _put_objects(storage: Storage, directory: Path, rows: Path) -> tuple[int, int, tuple[str, ...]]:
    count, size_bytes, problems = 0, 0, []
    for named in _named(rows):
        path = backup_directory.object_file(directory, named.key)
        if not _is_there(path, named):
            problems.append(f"{named.key} is not in the backup, or not as it was")
            continue
        storage.put_checked(named.key, path, size_bytes=named.size_bytes, sha256=named.sha256)
        count += 1
        size_bytes += named.size_bytes
    return count, size_bytes, tuple(problems)
