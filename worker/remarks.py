"""What the guard of an attempt remarks, as it arrives on its pipe."""

import json
import os

from worker.limits import Excess
from worker.process_table import Identity

READ_BYTES = 16 * 1024


class Remarks:
    """Takes over the reading end of the pipe.

    Attributes:
        isolation: how the attempt is held together; None until the guard has said so.
        keeper: the process whose end is the end of the attempt, also of one without a guard.
        until: the deadline that the keeper heard last; None before the first.
        excess: the limit for which the guard ended the attempt.
        unmeasured: processes whose memory cannot be read: its limit does not hold them.
        stuck: processes that did not die when they were killed.
    """

    def __init__(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._unread = b""
        self.isolation: str | None = None
        self.keeper: Identity | None = None
        self.until: float | None = None
        self.excess: Excess | None = None
        self.unmeasured: tuple[int, ...] = ()
        self.stuck: tuple[int, ...] = ()

    def read(self) -> "Remarks":
        """Take what has arrived; never waits."""
        try:
            while received := os.read(self._pipe, READ_BYTES):
                *lines, self._unread = (self._unread + received).split(b"\n")
                for line in lines:
                    self._accept(json.loads(line))
        except BlockingIOError:
            pass
        return self

    def _accept(self, remark: dict[str, object]) -> None:
        match remark:
            case {"isolation": str(isolation)}:
                self.isolation = isolation
            case {"keeper": [int(pid), str(started)]}:
                self.keeper = Identity(pid, started)
            case {"until": float(until)}:
                self.until = until
            case {"excess": dict(excess)}:
                self.excess = Excess(**excess)
            case {"unmeasured": list(unmeasured)}:
                self.unmeasured = tuple(unmeasured)
            case {"stuck": list(stuck)}:
                self.stuck = tuple(stuck)

    def close(self) -> None:
        os.close(self._pipe)
