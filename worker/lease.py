"""How long this attempt may live without another word from the database."""

import time

from worker.trainer_process import boottime

MARGIN = 6  # a sixth of the lease is kept for killing: nobody else may claim before that
RETRY_S = 0.5  # between two tries to tell a database that is away


class LeaseOver(Exception):
    """The database has not answered for so long that another worker may soon take the job."""


class Lease:
    """Counts from before the statement that renewed it was sent, never from its answer."""

    def __init__(self, seconds: float, *, sent: float) -> None:
        self._seconds = seconds
        self._sent = sent

    @property
    def alive_until(self) -> float:
        """The time, on CLOCK_BOOTTIME, at which the attempt must be dead."""
        return self._sent + self._seconds - self._seconds / MARGIN

    @property
    def is_over(self) -> bool:
        return boottime() >= self.alive_until

    def renewed(self, *, sent: float) -> None:
        self._sent = sent

    def pause(self) -> None:
        """Wait a little, before a database that is away is asked again.

        Raises:
            LeaseOver: there is no time for that.
        """
        if self.is_over:
            raise LeaseOver
        time.sleep(RETRY_S)
