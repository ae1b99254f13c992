"""What an attempt may use, and what it uses. Standard library only: the guard has no packages."""

import contextlib
import ctypes
import json
import os
import resource
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system's own
KIB = 1024
PRIVATE = ("RssAnon:", "RssShmem:")  # pages of files do not count: the kernel takes them back
SHARED_OUT = ("Pss_Anon:", "Pss_Shmem:")

MEMORY, PROCESSES, DISK = "memory", "processes", "disk"

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """For all processes of an attempt together, but for the last two; 0: no limit.

    Attributes:
        directory: where `disk_bytes` are counted.
        data_bytes: of private memory, a process.
        open_files: a process.
    """

    directory: str = ""
    memory_bytes: int = 0
    processes: int = 0
    disk_bytes: int = 0
    data_bytes: int = 0
    open_files: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Limits":
        return cls(**json.loads(text))

    @property
    def are_watched(self) -> bool:
        return bool(self.memory_bytes or self.processes or self.disk_bytes)


@dataclass(frozen=True)
class Excess:
    """A limit that an attempt has crossed: bytes, or processes."""

    limit: str
    used: int
    allowed: int


def bind(limits: Limits) -> None:
    """Limit this process and all that it starts; for the moment between fork and exec."""
    _lower(resource.RLIMIT_CORE, 0)
    if limits.open_files:
        _lower(resource.RLIMIT_NOFILE, limits.open_files)
    if limits.disk_bytes:
        _lower(resource.RLIMIT_FSIZE, limits.disk_bytes)
    if limits.data_bytes:
        _lower(resource.RLIMIT_DATA, limits.data_bytes)
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _lower(which: int, wanted: int) -> None:
    _, highest = resource.getrlimit(which)
    if highest != resource.RLIM_INFINITY:
        wanted = min(wanted, highest)
    resource.setrlimit(which, (wanted, wanted))


def excess(pids: list[int], limits: Limits) -> Excess | None:
    """The first limit that these processes have crossed."""
    if limits.processes and len(pids) > limits.processes:
        return Excess(PROCESSES, len(pids), limits.processes)
    if limits.memory_bytes and resident_bytes(pids) > limits.memory_bytes:
        used = shared_out_bytes(pids)  # slower, and right where processes share pages
        if used > limits.memory_bytes:
            return Excess(MEMORY, used, limits.memory_bytes)
    if limits.disk_bytes:
        used = disk_bytes(limits.directory)
        if used > limits.disk_bytes:
            return Excess(DISK, used, limits.disk_bytes)
    return None


def resident_bytes(pids: Iterable[int]) -> int:
    """Memory that is no file's; pages that processes share count for each of them."""
    return sum(private_bytes(pid) or 0 for pid in pids)


def shared_out_bytes(pids: Iterable[int]) -> int:
    """The same, with a shared page divided among its processes, where the kernel tells that."""
    return sum(_kib(pid, "smaps_rollup", SHARED_OUT) or private_bytes(pid) or 0 for pid in pids)


def unmeasured(pids: Iterable[int]) -> list[int]:
    """Processes whose memory cannot be read, though they have not ended."""
    return [pid for pid in pids if private_bytes(pid) is None and _is_there(pid)]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def private_bytes(pid: int) -> int | None:
    """Memory of a process that is no file's; None if it cannot be read."""
    told = _kib(pid, "status", PRIVATE)
    if told is None:
        with contextlib.suppress(OSError):
            _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
            return (resident - shared) * resource.getpagesize()
    return told


def _kib(pid: int, file: str, kinds: tuple[str, ...]) -> int | None:
    """The sum of these lines, in bytes; None if there is none."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        told = [int(line.split()[1]) * KIB for line in lines if line.startswith(kinds)]
        return sum(told) if told else None
    return None


def disk_bytes(directory: str) -> int:
    """What the files below a directory occupy."""
    total = 0
    unread = [directory]
    while unread:
        with contextlib.suppress(OSError), os.scandir(unread.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                    if entry.is_dir(follow_symlinks=False):
                        unread.append(entry.path)
    return total
