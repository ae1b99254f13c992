"""Whether this worker's attempts are to leave, and why."""

from threading import Event, Lock

SHUT_DOWN = "the worker was shut down"
DRAINED = "the worker was drained by an operator"


class Draining(Event):
    """Set while attempts are to leave. A shutdown is never taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = SHUT_DOWN
        self.is_final = False
        self.is_hasty = False  # without the trainers' grace
        self._deciding = Lock()

    def shut_down(self) -> None:
        """For good: this process ends; asked again, it ends without grace.

        Called by signal handlers: a second one, amid the first, must find no lock.
        """
        if self.is_final:
            self.is_hasty = True
            return
        self.is_final = True
        with self._deciding:
            self.reason = SHUT_DOWN
            self.set()

    def hurry(self) -> None:
        """For good, and without grace."""
        self.is_hasty = True
        if not self.is_final:
            self.shut_down()

    def obey(self, *, drain: bool) -> None:
        """As an operator wishes now."""
        with self._deciding:
            if self.is_final:
                return
            self.reason = DRAINED
            self.set() if drain else self.clear()
