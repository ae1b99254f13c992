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
        self._deciding = Lock()

    def shut_down(self) -> None:
        """For good: this process ends."""
        with self._deciding:
            self.is_final = True
            self.reason = SHUT_DOWN
            self.set()

    def obey(self, *, drain: bool) -> None:
        """As an operator wishes now."""
        with self._deciding:
            if self.is_final:
                return
            self.reason = DRAINED
            self.set() if drain else self.clear()
