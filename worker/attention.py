"""A worker that became free hears the next doorbell at once.

While all its slots are busy, a worker asks Redis for no message, so that others hear them. Celery
asks again when its event loop turns, which the end of a task does not make it do: the next bell was
heard up to a second late.
"""

import contextlib
import os
from typing import Any

from celery import bootsteps, signals

# Celery frees the slot in the task's thread, soon after it has told of the end.
LOOK_AFTER_S = (0.001, 0.01, 0.1)


class Attention(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Turns the event loop when a task has ended. Celery starts it with each connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signals.task_postrun.connect(self._ended)

    def start(self, consumer: Any) -> None:
        if consumer.hub is not None:  # the file-system broker has none: it polls
            consumer.hub.add_reader(self._read, self._look, consumer.hub)

    def stop(self, consumer: Any) -> None:
        if consumer.hub is not None:
            consumer.hub.remove_reader(self._read)

    def _ended(self, **_: Any) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is about to turn
            os.write(self._write, b"\0")

    def _look(self, hub: Any) -> None:
        os.read(self._read, 1 << 10)
        for delay in LOOK_AFTER_S:
            hub.call_later(delay, _turn)


def _turn() -> None:
    """The turn of the loop is the purpose."""
