"""Freeing the storage of deleted jobs. Their rows went first: no live row names these objects."""

import sqlalchemy as sa

from jobs import db
from jobs.storage import Storage
from jobs.tables import doomed_prefixes

BATCH = 20


def remove_deleted(engine: sa.Engine, storage: Storage) -> int:
    """Delete the objects of deleted jobs; how many objects there were.

    Raises:
        StorageUnavailable: the store does not answer; what is left is tried again later.
    """
    with db.reading(engine) as connection:
        prefixes = connection.scalars(
            sa.select(doomed_prefixes.c.prefix).order_by(doomed_prefixes.c.created_at).limit(BATCH)
        ).all()
    removed = 0
    for prefix in prefixes:
        removed += storage.delete_below(prefix)
        with db.writing(engine) as connection:
            connection.execute(sa.delete(doomed_prefixes).where(doomed_prefixes.c.prefix == prefix))
    return removed
