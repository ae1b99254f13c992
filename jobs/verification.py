"""Whether every object that a row names is in the store, whole, and counted for its tenant."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jobs import db, tenants
from jobs.errors import ObjectMissing
from jobs.storage import Storage
from jobs.tables import artifacts, checkpoints

JOBS = 200  # whose objects are looked up at once


@dataclass(frozen=True)
class Verified:
    """What was read, and one sentence for each object that is gone or has changed."""

    objects: int
    size_bytes: int
    problems: tuple[str, ...]


def verify_storage(engine: sa.Engine, storage: Storage) -> Verified:
    """Read every object that a row names.

    Raises:
        StorageUnavailable: the store does not answer.
    """
    count, size_bytes, problems = 0, 0, []
    for table in (artifacts, checkpoints):
        for row in _rows(engine, table):
            try:
                _read(storage, row)
            except ObjectMissing as error:
                if _is_named(engine, table, row):
                    problems.append(f"job {row.job_id}: {error}")
                continue
            count += 1
            size_bytes += row.size_bytes
    return Verified(count, size_bytes, tuple(problems))


def verify_counts(engine: sa.Engine, *, repair: bool) -> tuple[str, ...]:
    """One sentence for each tenant whose stored bytes were counted wrong, and still are."""
    with db.reading(engine) as connection:
        wrong = tenants.wrong_stored(connection)
    if repair:
        for name in wrong:
            with db.writing(engine) as connection:
                tenants.repair_stored(connection, name)
        with db.reading(engine) as connection:
            wrong = tenants.wrong_stored(connection)
    return tuple(
        f"tenant {name} is counted as storing {counted} bytes and stores {true}; "
        "`verify-storage --repair` sets it right"
        for name, (counted, true) in wrong.items()
    )


def _rows(engine: sa.Engine, table: sa.Table) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    wanted = (table.c.job_id, table.c.storage_key, table.c.size_bytes, table.c.sha256)
    job_ids = sa.select(table.c.job_id).distinct().order_by(table.c.job_id).limit(JOBS)
    after = ""
    while True:
        with db.reading(engine) as connection:
            ids = connection.execute(job_ids.where(table.c.job_id > after)).scalars().all()
            rows = connection.execute(sa.select(*wanted).where(table.c.job_id.in_(ids))).all()
        yield from rows
        if len(ids) < JOBS:
            return
        after = ids[-1]


def _read(storage: Storage, row: sa.Row[*tuple[Any, ...]]) -> None:
    blocks = storage.read_whole(row.storage_key, size_bytes=row.size_bytes, sha256=row.sha256)
    for _ in blocks:
        pass


def _is_named(engine: sa.Engine, table: sa.Table, row: sa.Row[*tuple[Any, ...]]) -> bool:
    """A row that went meanwhile, with its object, is no fault."""
    named = sa.select(table.c.job_id).where(
        table.c.job_id == row.job_id, table.c.storage_key == row.storage_key
    )
    with db.reading(engine) as connection:
        return connection.execute(named).first() is not None
