"""`python -m worker.dispatcher`: publishes the outbox, and looks after jobs nobody looks after.

Any number may run. Everything it does can be done twice, or be interrupted anywhere.
"""

import secrets
import signal
import socket
import sys
import threading
from typing import Any

import structlog
from kombu.exceptions import KombuError, OperationalError

from jobs import (
    db,
    endings,
    idempotency,
    logs,
    notices,
    outbox,
    processes,
    removal,
    retention,
    tenants,
    waiting,
)
from jobs.errors import StorageUnavailable
from jobs.settings import Settings, settings
from jobs.storage import Storage
from worker.app import DOORBELL, make_app

log = structlog.get_logger(__name__)

BATCH = 100
SWEEP_SECONDS = 60.0
BACKOFF_S = 1.0
BROKER_AWAY = (OperationalError, KombuError, OSError)


class Dispatcher:
    """One process: threads that publish and sweep, and the clock that finds what was lost.

    A sweep may take long, or its store: it has a thread of its own.
    """

    def __init__(self, configured: Settings) -> None:
        self._settings = configured
        self._engine = db.create_engine(
            configured.database_url.get_secret_value(),
            pool_size=4,
            answer_timeout_s=configured.database_answer_seconds,
        )
        self._storage = Storage.open(configured)
        self._retention = retention.Sweep(self._engine, retention.Rules.of(configured))
        self._orphans = removal.OrphanSweep(
            self._engine, self._storage, hours=configured.orphan_hours
        )
        self._app = make_app(configured)
        self._name = f"dispatcher-{secrets.token_hex(3)}"
        self._stopping = threading.Event()
        self._broker = "not tried yet"

    def run(self) -> None:
        """Work until `stop` is called."""
        threads = [
            threading.Thread(target=self._publish_for_ever, name="publisher", daemon=True),
            threading.Thread(target=self._sweep_for_ever, name="sweeper", daemon=True),
        ]
        for thread in threads:
            thread.start()
        log.info("dispatcher_ready", name=self._name)
        # Without its publisher this process would look alive and start no job: it ends instead.
        while not self._stopping.is_set() and all(thread.is_alive() for thread in threads):
            try:
                self.reconcile()
            except db.UNAVAILABLE as error:
                log.warning("database_away", reason=type(error).__name__)
            self._stopping.wait(self._settings.dispatch_seconds)
        for thread in threads:
            thread.join(self._settings.dispatch_seconds * 2)
        self._leave()

    def stop(self) -> None:
        self._stopping.set()

    def reconcile(self) -> None:
        """Requeue jobs of silent workers, ring for jobs nobody took, report this process."""
        with db.writing(self._engine) as connection:
            expired = endings.expire_leases(connection)
        if expired:
            log.warning("leases_expired", job_ids=expired)
        self._look_after_waiting()
        with db.writing(self._engine) as connection:
            free = processes.free_slots(connection)
            if free:
                outbox.ring_silent(connection, limit=free)
            facts: dict[str, Any] = {"broker": self._broker, "host": socket.gethostname()}
            processes.report(connection, processes.DISPATCHER, self._name, facts)

    def _look_after_waiting(self) -> None:
        for look in (waiting.release_due, waiting.end_overdue, waiting.end_hopeless):
            with db.writing(self._engine) as connection:
                found = look(connection)
            if found:
                log.info(look.__name__, job_ids=found)
        for repair in (waiting.mark_missed, waiting.unmark_idle):
            with db.writing(self._engine) as connection:
                repair(connection)

    def _sweep_for_ever(self) -> None:
        while not self._stopping.is_set():
            try:
                self._sweep()
            except db.UNAVAILABLE as error:
                log.warning("database_away", reason=type(error).__name__)
            self._stopping.wait(SWEEP_SECONDS)

    def _sweep(self) -> None:
        with db.writing(self._engine) as connection:
            repaired = tenants.repair_running(connection)
        if repaired:
            log.warning("running_repaired", counted_and_true=repaired)
        with db.writing(self._engine) as connection:
            idempotency.sweep(connection)
            processes.forget_silent(connection)
        self._retention.step()
        try:
            removal.remove_deleted(self._engine, self._storage)
            self._orphans.step()
        except StorageUnavailable as error:
            log.warning("storage_away", reason=str(error)[:500])

    def publish(self) -> int:
        """Publish what is in the outbox; how many doorbells that were."""
        with db.reading(self._engine) as connection:
            doorbells = outbox.pending(connection, BATCH)
        if not doorbells:
            return 0
        with db.writing(self._engine) as connection:
            outbox.ringing(connection, doorbells)
        for doorbell in doorbells:
            self._app.send_task(DOORBELL, headers={"job_id": doorbell.job_id})
        self._broker = "ok"
        with db.writing(self._engine) as connection:
            outbox.published(connection, doorbells)
        return len(doorbells)

    def _publish_for_ever(self) -> None:
        while not self._stopping.is_set():
            try:
                with notices.listening(self._engine, notices.OUTBOX) as listener:
                    while not self._stopping.is_set():
                        if self.publish() == BATCH:
                            continue
                        if not listener.wait(self._settings.dispatch_seconds):
                            self._look_at_broker()  # a bell that was just rung need not wait
            except db.UNAVAILABLE as error:
                log.warning("database_away", reason=type(error).__name__)
            except BROKER_AWAY as error:
                self._broker = "away"
                log.warning("broker_away", reason=type(error).__name__)
            self._stopping.wait(BACKOFF_S)

    def _look_at_broker(self) -> None:
        if self._settings.broker_dir is None:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=BACKOFF_S)
        self._broker = "ok"

    def _leave(self) -> None:
        try:
            with db.writing(self._engine) as connection:
                processes.leave(connection, processes.DISPATCHER, self._name)
        except db.UNAVAILABLE as error:
            log.warning("leave_not_told", reason=type(error).__name__)
        self._engine.dispose()


def main() -> int:
    configured = settings()
    logs.configure(configured.log_level)
    dispatcher = Dispatcher(configured)
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, lambda _signal, _frame: dispatcher.stop())
    dispatcher.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
