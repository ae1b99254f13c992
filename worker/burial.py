"""The end of an attempt whose guard was killed. Its keeper ends it, or else whoever looks here."""

import time
from pathlib import Path

from worker.guard import KILL_SECONDS
from worker.process_table import Identity, bearers, identity_of
from worker.remarks import Remarks

# Names the attempt's directory in the environment of all its processes.
MARKER = "NETAUG_ATTEMPT"
# What a keeper gets to bury the attempt: longer than it tries itself.
BURIAL_SECONDS = KILL_SECONDS + 5.0


class Burial:
    """Begins when the guard is found dead; `is_over` is called again and again, and never waits."""

    def __init__(self, directory: Path, remarks: Remarks) -> None:
        self._directory = directory
        self._remarks = remarks
        self._keeper_until = time.monotonic() + BURIAL_SECONDS
        self._give_up_at = self._keeper_until + KILL_SECONDS
        self._known: set[Identity] = set()

    def is_over(self) -> bool:
        """Whether nothing is left of the attempt, but for what does not die: that is stuck."""
        keeper = self._remarks.read().keeper
        if self._remarks.stuck:
            return True
        if keeper is not None and keeper.is_alive:
            if time.monotonic() < self._keeper_until:
                return False
            self._known.add(keeper)
        self._known.update(bearing(self._directory))
        alive = [process for process in self._known if process.is_alive]
        for process in alive:
            process.kill()
        if alive and time.monotonic() < self._give_up_at:
            return False
        self._remarks.stuck = tuple(process.pid for process in alive)
        return True


def bearing(directory: Path) -> set[Identity]:
    """The processes, guard and keeper among them, of the attempt in this directory."""
    mark = f"{MARKER}={directory}".encode()
    found = {identity_of(pid) for pid, variable in bearers(mark) if variable == mark}
    return {process for process in found if process is not None}
