"""The hold of a backup outlives errors of the database, and says when it did not."""

import threading
from datetime import datetime

import pytest
import sqlalchemy as sa

from jobs import db, processes
from jobs.errors import BackupInterrupted
from jobs.hold import Hold
from jobs.tables import processes as table

OTHERS = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def seen_at(engine: sa.Engine) -> datetime:
    with db.reading(engine) as connection:
        (backup,) = processes.live(connection, processes.BACKUP)
    return backup.seen_at


def test_a_hold_outlives_cut_connections(postgres_engine: sa.Engine, postgres_url: str) -> None:
    own = db.create_engine(postgres_url)
    with Hold(own, every_s=0.05) as hold:
        before = seen_at(postgres_engine)
        with db.writing(postgres_engine) as connection:
            connection.execute(OTHERS)
        cut_at = seen_at(postgres_engine)
        while seen_at(postgres_engine) == cut_at:
            threading.Event().wait(0.05)
        hold.confirm()
    assert cut_at >= before
    own.dispose()


def test_a_hold_that_ended_is_not_taken_up_again(engine: sa.Engine) -> None:
    with Hold(engine) as hold:
        hold.confirm()
        with db.writing(engine) as connection:
            connection.execute(sa.delete(table))
        with pytest.raises(BackupInterrupted, match="objects may have been removed"):
            hold.confirm()
