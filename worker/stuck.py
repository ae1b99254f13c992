"""Processes that did not die when they were killed: they may still hold a GPU."""

import threading
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

START_TIME = 19  # of the fields of /proc/PID/stat behind the name, counted from 0


class Stuck:
    """Known until they have gone; a number that is given to another process is not mistaken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[str | None, str]] = {}

    def add(self, job_id: str, pids: tuple[int, ...]) -> None:
        """Remember the processes of this job's attempt."""
        if not pids:
            return
        log.error("processes_stuck", job_id=job_id, pids=pids)
        with self._lock:
            self._known |= {pid: (_started(pid), job_id) for pid in pids}

    def alive(self) -> list[dict[str, object]]:
        """Those that are still there: their ids and whose they are."""
        with self._lock:
            self._known = {
                pid: (started, job_id)
                for pid, (started, job_id) in self._known.items()
                if started is not None and _started(pid) == started
            }
            return [{"pid": pid, "job_id": job_id} for pid, (_, job_id) in self._known.items()]


def _started(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None once it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[START_TIME]
