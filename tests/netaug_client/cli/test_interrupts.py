"""Ctrl-C at the worst moment."""

import os
import signal
import sys

import pytest

from netaug_client.cli import interrupts

pytestmark = pytest.mark.usefixtures("interruptible")


class InterruptedWhenGone:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_that_python_drops_is_seen_at_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: dropped.append(told.exc_type))

    with interrupts.remembered() as look:
        look()
        InterruptedWhenGone()
        assert dropped == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            look()


def test_an_interrupt_comes_at_once_and_the_old_handler_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), interrupts.remembered():
        signal.raise_signal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before
