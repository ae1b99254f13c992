"""Processes that did not die when they were killed: they may still hold a GPU."""

import threading

import structlog

from worker.process_table import started

log = structlog.get_logger(__name__)


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
            self._known |= {pid: (started(pid), job_id) for pid in pids}

    def alive(self) -> list[dict[str, object]]:
        """Those that are still there: their ids and whose they are."""
        with self._lock:
            self._known = {
                pid: (since, job_id)
                for pid, (since, job_id) in self._known.items()
                if since is not None and started(pid) == since
            }
            return [{"pid": pid, "job_id": job_id} for pid, (_, job_id) in self._known.items()]
