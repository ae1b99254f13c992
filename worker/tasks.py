"""What a worker does when a doorbell rings: claim jobs and run them, until none is left."""

import secrets
import socket
import threading
from functools import cache
from typing import Any

import structlog
from celery import signals

from jobs import db, lifecycle, processes
from jobs.lifecycle import Claim
from jobs.settings import settings
from jobs.storage import Storage
from worker import staging, supervisor
from worker.app import DOORBELL, app
from worker.devices import gpu_names
from worker.supervisor import Platform
from worker.trainer_process import boottime

log = structlog.get_logger(__name__)

PRESENCE_SECONDS = 5.0
POOL_SIZE = 4  # the attempt, the presence, and room
NAME_BYTES = 3


class Presence:
    """This worker's name, and what it says of itself every few seconds."""

    def __init__(self, platform: Platform) -> None:
        self.name = f"worker-{secrets.token_hex(NAME_BYTES)}"
        self._names = [] if platform.settings.device == "cpu" else gpu_names()
        self.gpus = len(self._names)
        self.busy = threading.Event()
        self._platform = platform
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def leave(self) -> None:
        """Say that this worker shuts down."""
        self._left.set()
        self._thread.join(PRESENCE_SECONDS)
        try:
            with db.writing(self._platform.engine) as connection:
                processes.leave(connection, processes.WORKER, self.name)
        except db.UNAVAILABLE as error:
            log.warning("leave_not_told", reason=type(error).__name__)

    def _repeat(self) -> None:
        while not self._left.is_set():
            try:
                self._tell()
            except db.UNAVAILABLE as error:
                log.warning("presence_not_told", reason=type(error).__name__)
            self._left.wait(PRESENCE_SECONDS)

    def _tell(self) -> None:
        facts = {
            "host": socket.gethostname(),
            "gpus": self.gpus,
            "devices": self._names,
            "busy": self.busy.is_set(),
            "draining": self._platform.draining.is_set(),
        }
        with db.writing(self._platform.engine) as connection:
            processes.report(connection, processes.WORKER, self.name, facts)


@cache
def platform() -> Platform:
    """This process's connections."""
    configured = settings()
    engine = db.create_engine(
        configured.database_url.get_secret_value(),
        pool_size=POOL_SIZE,
        answer_timeout_s=configured.database_answer_seconds,
    )
    return Platform(engine, Storage.open(configured), configured, threading.Event())


@cache
def presence() -> Presence:
    return Presence(platform())


@app.task(name=DOORBELL)
def doorbell() -> None:
    """Claim and run jobs until no queued one fits this worker."""
    while not platform().draining.is_set():
        claimed_at = boottime()
        claim = _claim()
        if claim is None:
            return
        presence().busy.set()
        try:
            supervisor.run(claim, platform(), claimed_at=claimed_at)
        finally:
            presence().busy.clear()


def _claim() -> Claim | None:
    try:
        with db.writing(platform().engine) as connection:
            return lifecycle.claim(
                connection,
                worker=presence().name,
                gpus=presence().gpus,
                lease_seconds=settings().lease_seconds,
            )
    except db.UNAVAILABLE as error:
        # The dispatcher rings again as long as the job is queued.
        log.warning("claim_failed", reason=type(error).__name__)
        return None


@signals.worker_ready.connect
def _on_ready(**_: Any) -> None:
    removed = staging.sweep(settings().work_dir)
    presence().start()
    log.info("worker_ready", worker=presence().name, gpus=presence().gpus, swept=removed)
    doorbell.delay()  # jobs may be waiting already


@signals.worker_shutting_down.connect
def _on_shutdown(**_: Any) -> None:
    platform().draining.set()
    log.info("worker_draining", worker=presence().name)


@signals.worker_shutdown.connect
def _on_stopped(**_: Any) -> None:
    presence().leave()
