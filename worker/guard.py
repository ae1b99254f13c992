"""A small process around each trainer: it kills the whole attempt when the supervisor falls silent.

Runs as `python -I -S guard.py UNTIL -- command...`, with the standard library only. Its standard
input is a pipe from the supervisor that carries lines: `until <seconds on CLOCK_BOOTTIME>` after
each renewed lease, `terminate`, `kill`. The end of that pipe means that the supervisor is dead. A
frozen supervisor sends nothing: then the deadline passes, here, where nobody froze the clock.
Exits with the trainer's code, or 128 plus the signal that ended it.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNAL_EXIT = 128
KILL_SECONDS = 10.0  # how long to look for processes that appear while others are killed
READ_BYTES = 4096

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    until = float(arguments[0])
    command = arguments[arguments.index("--") + 1 :]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor's pipe alone decides
    # Orphans of the trainer become children of the guard, wherever their session is.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    handed_on = inherited_pipes()
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    trainer = subprocess.Popen(  # noqa: S603  # the supervisor's own command line
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=handed_on,
        preexec_fn=_die_with_guard,
    )
    for descriptor in handed_on:
        os.close(descriptor)
    code = _watch(trainer, until, woken)
    kill_descendants(os.getpid())
    return code


def inherited_pipes() -> list[int]:
    """Descriptors, beside the standard three, that the supervisor opened for the trainer."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # the numbers themselves are wanted
        with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
            os.fstat(int(name))
            found.append(int(name))
    return [descriptor for descriptor in found if descriptor > 2]


def _die_with_guard() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(trainer: "subprocess.Popen[bytes]", until: float, woken: int) -> int:
    unread = b""
    while (code := trainer.poll()) is None:
        left = until - time.clock_gettime(time.CLOCK_BOOTTIME)
        if left <= 0:
            return _kill(trainer)
        readable, _, _ = select.select([0, woken], [], [], left)
        if woken in readable:
            os.read(woken, READ_BYTES)
        if 0 in readable:
            received = os.read(0, READ_BYTES)
            if not received:
                return _kill(trainer)
            *lines, unread = (unread + received).split(b"\n")
            until = _obey(lines, trainer, until)
    return code if code >= 0 else SIGNAL_EXIT - code


def _obey(lines: list[bytes], trainer: "subprocess.Popen[bytes]", until: float) -> float:
    for line in lines:
        verb, _, argument = line.partition(b" ")
        if verb == b"until":
            until = float(argument)
        elif verb == b"terminate":
            _signal_group(trainer, signal.SIGTERM)
        elif verb == b"kill":
            _signal_group(trainer, signal.SIGKILL)
    return until


def _signal_group(trainer: "subprocess.Popen[bytes]", which: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(trainer.pid, which)


def _kill(trainer: "subprocess.Popen[bytes]") -> int:
    _signal_group(trainer, signal.SIGKILL)
    trainer.wait()
    return SIGNAL_EXIT + signal.SIGKILL


def kill_descendants(ancestor: int) -> None:
    """Kill what the trainer left behind, sessions of their own included, until none is left."""
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        alive = [pid for pid in descendants(ancestor) if not _is_reaped(pid)]
        if not alive:
            return
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _is_reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not Path(f"/proc/{pid}").exists()


def descendants(ancestor: int) -> Iterator[int]:
    """Ids of all processes below `ancestor`, as /proc has them now."""
    for task in Path(f"/proc/{ancestor}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield int(child)
                yield from descendants(int(child))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
