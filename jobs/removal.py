"""Freeing storage. The rows went first: no live row names what is removed here.

While a backup copies (jobs/backup.py), nothing is removed: the copied rows may still name it.
"""

from datetime import timedelta

import sqlalchemy as sa

from jobs import db, processes
from jobs.dialect import database_time
from jobs.states import JobStatus
from jobs.storage import JOBS, Storage, Stored, job_of_key, job_prefix
from jobs.tables import artifacts, checkpoints, doomed_prefixes, jobs

BATCH = 20
KEYS = 1000


def remove_deleted(engine: sa.Engine, storage: Storage) -> int:
    """Delete the objects that were doomed; how many there were.

    Raises:
        StorageUnavailable: the store does not answer; what is left is tried again later.
    """
    with db.reading(engine) as connection:
        doomed = connection.scalars(
            sa.select(doomed_prefixes.c.prefix).order_by(doomed_prefixes.c.created_at).limit(KEYS)
        ).all()
        # After what was read: a backup that begins now has none of it in its rows.
        if processes.live(connection, processes.BACKUP):
            return 0
    keys = [key for key in doomed if key != job_prefix(job_of_key(key))]
    prefixes = [prefix for prefix in doomed if prefix not in keys][:BATCH]
    storage.delete(keys)
    removed = len(keys) + sum(storage.delete_below(prefix) for prefix in prefixes)
    with db.writing(engine) as connection:
        connection.execute(
            sa.delete(doomed_prefixes).where(doomed_prefixes.c.prefix.in_([*keys, *prefixes]))
        )
    return removed


class OrphanSweep:
    """Goes through the store, a page at each call, for objects that no row will ever name.

    Attempts leave them that were given up for dead, and workers that were killed.
    """

    def __init__(
        self, engine: sa.Engine, storage: Storage, *, hours: float, page: int = KEYS
    ) -> None:
        self._engine = engine
        self._storage = storage
        self._age = timedelta(hours=hours)
        self._page = page
        self._after = ""

    def step(self) -> int:
        """Remove the orphans of the next page; how many there were.

        Raises:
            StorageUnavailable: the store does not answer; the page is looked at again.
        """
        # Objects first: one that is named meanwhile is then found among the rows.
        page = self._storage.page(JOBS, after=self._after, limit=self._page)
        with db.reading(self._engine) as connection:
            old_before = database_time(connection) - self._age
            old = [stored for stored in page if stored.stored_at < old_before]
            orphans = _orphans(connection, old)
            if processes.live(connection, processes.BACKUP):
                return 0
        self._storage.delete(orphans)
        removed = len(orphans)
        if not self._after:
            removed += self._storage.remove_half_uploads(JOBS, before=old_before)
        self._after = page[-1].key if len(page) == self._page else ""
        return removed


def _orphans(connection: sa.Connection, found: list[Stored]) -> list[str]:
    ids = {job_of_key(stored.key) for stored in found}
    unfinished = [status for status in JobStatus if not status.is_final]
    # Of one that is not final, an attempt may just be about to name what it has stored.
    held = set(
        connection.scalars(
            sa.select(jobs.c.id).where(jobs.c.id.in_(ids), jobs.c.status.in_(unfinished))
        )
    )
    named: set[str] = set()
    for table in (artifacts, checkpoints):
        named.update(
            connection.scalars(sa.select(table.c.storage_key).where(table.c.job_id.in_(ids)))
        )
    return [s.key for s in found if job_of_key(s.key) not in held and s.key not in named]
