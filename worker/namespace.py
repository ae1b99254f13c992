"""A PID namespace: when its first process dies, the kernel kills all the others."""

import contextlib
import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_REC, MS_SLAVE = 1 << 14, 1 << 19
# Before this kernel there is one pid_max for the whole machine: it is not ours to lower.
OWN_PID_MAX = (6, 14)
RESERVED = 300  # numbers that the kernel gives out once only
ROOM = 4  # threads have numbers, too; and the guard should see and tell that there are too many

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> bool:
    """Let the next child of this process be the first of a new namespace; False if not allowed.

    It takes root or CAP_SYS_ADMIN. A user namespace would give that to anybody, but in it the
    driver's tools may not open a GPU's device files.
    """
    return bool(_libc.unshare(CLONE_NEWPID) == 0)


def furnish(max_processes: int) -> None:
    """As the first process: a /proc of the namespace, and the kernel's own stop to forks."""
    if _libc.unshare(CLONE_NEWNS) == 0:
        _libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None)
        _libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    if max_processes and kernel() >= OWN_PID_MAX:
        with contextlib.suppress(OSError):
            most = RESERVED + ROOM * max_processes
            Path("/proc/sys/kernel/pid_max").write_text(str(most))


def kernel() -> tuple[int, int]:
    """The running kernel's version."""
    major, minor, *_ = os.uname().release.split("-")[0].split(".")
    return int(major), int(minor)
