"""Processes as /proc has them. Standard library only: the guard has no packages."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

UNSEEN = (FileNotFoundError, ProcessLookupError, PermissionError)  # ended, or another user's
START_TIME = 19  # of the fields of /proc/PID/stat behind the name, counted from 0


class Identity(NamedTuple):
    """Of one process: its number alone may be another's later. `started`: in ticks since boot."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        return started(self.pid) == self.started

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        with contextlib.suppress(*UNSEEN):
            if self.is_alive:
                os.kill(self.pid, signal.SIGKILL)


def identity() -> Identity | None:
    """This process's own, in the numbers of the /proc that is mounted."""
    with contextlib.suppress(OSError):
        return identity_of(int(os.readlink("/proc/self")))  # noqa: PTH115  # a number, not a path
    return None


def identity_of(pid: int) -> Identity | None:
    """None once it is dead."""
    since = started(pid)
    return None if since is None else Identity(pid, since)


def bearers(mark: bytes) -> Iterator[tuple[int, bytes]]:
    """Processes with a variable in their environment that starts so, and the variable."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            for variable in (process / "environ").read_bytes().split(b"\0"):
                if variable.startswith(mark):
                    yield int(process.name), variable


def started(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None once it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[START_TIME]


def descendants(ancestor: int) -> Iterator[int]:
    """Ids of all processes below `ancestor`, as /proc has them now."""
    unread = [ancestor]
    while unread:
        children = list(_children(unread.pop()))
        yield from children
        unread += children


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(*UNSEEN):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # their numbers are wanted
            with contextlib.suppress(*UNSEEN):
                text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
                yield from map(int, text.split())
