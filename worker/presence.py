"""This worker's name, what it says of itself every few seconds, and the wish it hears then."""

import secrets
import socket
import threading
from collections.abc import Callable

import structlog

from jobs import db, processes
from jobs.states import WorkerWish
from worker.slots import Slots
from worker.supervisor import Platform

log = structlog.get_logger(__name__)

PRESENCE_SECONDS = 5.0
NAME_BYTES = 3


class Presence:
    """Reports until it leaves.

    `ring` is called when this worker should look for jobs itself, `heard` after another wish.
    """

    def __init__(
        self,
        platform: Platform,
        slots: Slots,
        devices: list[str],
        ring: Callable[[], None],
        heard: Callable[[], None] = lambda: None,
        *,
        every_s: float = PRESENCE_SECONDS,
    ) -> None:
        self.name = f"worker-{secrets.token_hex(NAME_BYTES)}"
        self.holds_for: str | None = None
        self._platform = platform
        self._slots = slots
        self._devices = devices
        self._ring = ring
        self._heard = heard
        self._every_s = every_s
        self._wish: WorkerWish | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="presence", daemon=True)

    @property
    def is_held_back(self) -> bool:
        """Whether an operator has paused or drained this worker."""
        return self._wish is not None

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
                self.tell()
            except db.UNAVAILABLE as error:
                log.warning("presence_not_told", reason=type(error).__name__)
            except Exception:
                # Without this thread the worker would go on unseen, and no wish would reach it.
                log.exception("presence_failed")
            self._left.wait(self._every_s)

    def tell(self) -> None:
        """Report now, and do what an operator wishes."""
        free = self._slots.free
        facts = {
            "host": socket.gethostname(),
            "gpus": self._slots.num_gpus,
            "devices": self._devices,
            "slots": self._slots.total,
            "free": free,
            "busy": not free,  # what the release before slots looks at
            "draining": self._platform.draining.is_final,
            "holds_for": self.holds_for,
            "stuck": self._platform.stuck.alive(),  # while there is one, it claims nothing
        }
        with db.writing(self._platform.engine) as connection:
            wish = processes.report(connection, processes.WORKER, self.name, facts)
        self._heed(wish)

    def _heed(self, wish: WorkerWish | None) -> None:
        before, self._wish = self._wish, wish
        if wish != before:
            log.info("worker_wish", worker=self.name, wish=wish or "resume")
        self._platform.draining.obey(drain=wish is WorkerWish.DRAIN)
        if wish != before:
            self._heard()
        if (wish is None and before is not None) or self.holds_for is not None:
            self._ring()
