"""A backup's hold: as long as it lives, dispatchers remove no object (jobs/removal.py)."""

import threading
import time
from typing import Self

import sqlalchemy as sa

from jobs import db, processes
from jobs.errors import BackupInterrupted
from jobs.ids import new_id

RENEW_S = 5.0


class Hold:
    """Renewed in a thread, over errors of the database, until it is let go.

    If this process dies, it ends by itself after `processes.LIVE_SECONDS`.
    """

    def __init__(self, engine: sa.Engine, *, every_s: float = RENEW_S) -> None:
        self._engine = engine
        self._every_s = every_s
        self._name = new_id("backup")
        self._lost = False
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._go_on, name="backup-hold", daemon=True)

    def __enter__(self) -> Self:
        self._renewed_at = time.monotonic()
        with db.writing(self._engine) as connection:
            processes.report(connection, processes.BACKUP, self._name, {})
        self._renewer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._renewer.join()
        try:
            with db.writing(self._engine) as connection:
                processes.leave(connection, processes.BACKUP, self._name)
        except db.UNAVAILABLE:
            pass  # it ends by itself

    def check(self) -> None:
        """Whether all that has been copied until now was safe, as far as is known here.

        Raises:
            BackupInterrupted: the hold was lost; what the rows name may have been removed.
        """
        if self._lost or time.monotonic() - self._renewed_at > processes.LIVE_SECONDS:
            raise BackupInterrupted(
                f"the database did not keep the hold of {self._name}, and objects may have been "
                "removed meanwhile; an earlier backup in the directory is as it was: run it again"
            )

    def confirm(self) -> None:
        """As `check`, after asking the database."""
        self._renew()
        self.check()

    def _go_on(self) -> None:
        while not self._lost and not self._ended.wait(self._every_s):
            self._renew()

    def _renew(self) -> None:
        before = time.monotonic()
        try:
            with db.writing(self._engine) as connection:
                renewed = processes.renew(connection, processes.BACKUP, self._name)
        except db.UNAVAILABLE:
            return  # there is time for some more tries; `check` knows when it is over
        if renewed:
            self._renewed_at = before
        else:
            self._lost = True
