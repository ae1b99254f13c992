"""Processes as /proc has them. Standard library only: the guard has no packages."""

import contextlib
import os
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


def identity() -> Identity | None:
    """This process's own, in the numbers of the /proc that is mounted."""
    with contextlib.suppress(OSError):
        pid = int(os.readlink("/proc/self"))  # noqa: PTH115  # a number, not a path
        if (since := started(pid)) is not None:
            return Identity(pid, since)
    return None


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
