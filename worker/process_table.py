"""Processes as /proc has them. Standard library only: the guard has no packages."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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
        for task in Path(f"/proc/{unread.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(child) for child in task.read_text().split()]
                yield from children
                unread += children
