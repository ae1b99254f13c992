"""Wishes that reach a run from outside: finish now, or write a checkpoint and leave."""

import enum
import signal
import sys
from pathlib import Path
from types import FrameType

WARNED: set[str] = set()


class Wish(enum.StrEnum):
    """What the run is asked to do; also the content of the control file."""

    STOP = "stop"  # finish now and keep the best model so far
    LEAVE = "leave"  # write a checkpoint and exit; the run will be resumed


class LeaveRequested(Exception):
    """The run was asked to leave. `step` is how far it has come, over all attempts."""

    def __init__(self, step: int = 0) -> None:
        super().__init__(step)
        self.step = step


class Control:
    """A file that may appear at any time, and the signals that mean `leave`."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._signalled = False

    def listen_to_signals(self) -> None:
        """SIGTERM and Ctrl-C mean `leave`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def wish(self) -> Wish | None:
        """What is wanted now. A file that is still empty says nothing yet."""
        if self._signalled:
            return Wish.LEAVE
        if self._file is None or not self._file.exists():
            return None
        content = self._file.read_text(encoding="utf-8").strip()
        if content in set(Wish):
            return Wish(content)
        if content and content not in WARNED:
            WARNED.add(content)
            sys.stderr.write(f"{self._file} says {content[:50]!r}; it may say stop or leave\n")
        return None

    def leave_if_asked(self) -> None:
        """To be called often in work that can be thrown away.

        Raises:
            LeaveRequested: the run shall leave.
        """
        if self.wish() is Wish.LEAVE:
            raise LeaveRequested

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._signalled = True
