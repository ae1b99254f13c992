"""Ctrl-C that is not lost: Python drops a KeyboardInterrupt raised in a finalizer or a callback."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def remembered() -> Iterator[Callable[[], None]]:
    """Yields a look that raises KeyboardInterrupt if Ctrl-C was pressed, whatever became of it.

    Ctrl-C interrupts at once, as ever; the look is for a loop to call in each round. Main thread
    only, as for every signal handler.
    """
    pressed = False

    def press(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def look() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as for a command in a script's background
        signal.signal(signal.SIGINT, press)
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)
