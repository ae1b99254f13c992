"""Ending a trainer: its flag, then SIGTERM, then SIGKILL."""

import enum
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Reason(enum.Enum):
    """Why the supervisor wants the trainer to leave; a later one of higher value replaces it."""

    DRAIN = 1  # the worker shuts down
    TIMEOUT = 2  # the job's time limit
    CANCEL = 3  # its owner gave it up


class Endable(Protocol):
    def ask(self, wish: str) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


TERMINATE_SECONDS = 5.0  # between SIGTERM and SIGKILL


class Ladder:
    """One rung at a time; `climb` is called again and again until the trainer has gone."""

    def __init__(self, process: Endable, *, grace_seconds: float) -> None:
        self._process = process
        self._grace_seconds = grace_seconds
        self._rungs = [
            (grace_seconds, process.terminate),
            (grace_seconds + TERMINATE_SECONDS, process.kill),
        ]
        self._since: float | None = None
        self.reason: Reason | None = None

    def begin(self, reason: Reason, *, now: float) -> None:
        """Ask the trainer to write a checkpoint and leave."""
        if self.reason is None or reason.value > self.reason.value:
            self.reason = reason
        if self._since is None:
            self._since = now
            try:
                self._process.ask("leave")
            except OSError as error:  # no room for the flag, nor for a checkpoint
                log.warning("flag_not_set", wish="leave", reason=str(error))
                self.hurry(now=now)

    def hurry(self, *, now: float) -> None:
        """Let the grace be over."""
        if self._since is not None:
            self._since = min(self._since, now - self._grace_seconds)

    def climb(self, now: float) -> None:
        """Take the rungs whose time has come."""
        while self._since is not None and self._rungs and now - self._since >= self._rungs[0][0]:
            _, act = self._rungs.pop(0)
            act()
