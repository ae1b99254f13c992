"""Two small processes around each trainer: nothing of an attempt outlives its supervisor.

Runs as `python -I -S guard.py UNTIL [LIMITS [REPORT_FD]] -- command...`, with the standard library
only. The guard's child, the keeper, is the first process of a PID namespace where that is allowed:
with it dies the whole attempt. Its standard input is a pipe from the supervisor that carries lines:
`until <seconds on CLOCK_BOOTTIME>` after each renewed lease, `terminate`, `kill`. The end of that
pipe means that the supervisor is dead. A frozen supervisor sends nothing: then the deadline passes,
here, where nobody froze the clock. The guard itself stays outside, watches the limits and tells
what it saw as JSON lines on REPORT_FD: `isolation`, `excess`, `unmeasured`, `stuck`. The keeper
tells there who it is before it starts the trainer, and each deadline that it hears: whoever
outlives a killed guard waits for the keeper's end. A frozen keeper hears nothing: the guard ends
the attempt at the deadline that the keeper heard last, or with the supervisor's pipe.
Exits with the trainer's code, or 128 plus the signal that ended it.
"""

import contextlib
import ctypes
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # last: nothing there hides a standard module

from worker import limits as use
from worker import namespace
from worker.limits import Limits
from worker.process_table import descendants, identity

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNAL_EXIT = 128
KILLED = SIGNAL_EXIT + signal.SIGKILL
KILL_SECONDS = 10.0  # what a killed process gets to disappear; after that it counts as stuck
WATCH_SECONDS = 0.25  # between two looks at what the attempt uses
LONGEST_WAIT_SECONDS = 3600.0  # a warm trainer's deadline is infinite; that of `select` is not
READ_BYTES = 4096
NAMESPACE, SUBREAPER = "pid_namespace", "subreaper"

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Order:
    """What the supervisor asks for on the command line."""

    until: float
    limits: Limits
    report: int | None
    command: list[str]

    @classmethod
    def read(cls, arguments: list[str]) -> "Order":
        split = arguments.index("--")
        until, *more = arguments[:split]
        return cls(
            float(until),
            Limits.read(more[0]) if more else Limits(),
            int(more[1]) if len(more) > 1 else None,
            arguments[split + 1 :],
        )


def main(arguments: list[str]) -> int:
    order = Order.read(arguments)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor's pipe alone decides
    # Orphans of the trainer become children of the guard, wherever their session is.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    handed_on = [pipe for pipe in inherited_pipes() if pipe != order.report]
    guard_lives, guard_holds = os.pipe2(os.O_CLOEXEC)
    keeper_lives, keeper_holds = os.pipe2(os.O_CLOEXEC)
    deadline = shared(order.until)
    isolated = namespace.enter()
    keeper = os.fork()
    if keeper == 0:
        for descriptor in (guard_holds, keeper_lives):
            os.close(descriptor)
        Keeper(order, deadline, guard_lives, handed_on).run(isolated, keeper_holds)
        os._exit(0)
    for descriptor in (guard_lives, keeper_holds, *handed_on):
        os.close(descriptor)
    tell(order.report, isolation=NAMESPACE if isolated else SUBREAPER)
    return watch(keeper, order, keeper_lives, deadline)


def shared(until: float) -> ctypes.c_double:
    """A deadline that the keeper sets and the guard sees."""
    deadline = ctypes.c_double.from_buffer(mmap.mmap(-1, mmap.PAGESIZE))
    deadline.value = until
    return deadline


def seconds_left(deadline: ctypes.c_double) -> float:
    return deadline.value - time.clock_gettime(time.CLOCK_BOOTTIME)


def inherited_pipes() -> list[int]:
    """Descriptors, beside the standard three, that the supervisor opened for the trainer."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # the numbers themselves are wanted
        with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
            os.fstat(int(name))
            found.append(int(name))
    return [descriptor for descriptor in found if descriptor > 2]


def tell(report: int | None, **facts: object) -> None:
    if report is not None:
        with contextlib.suppress(OSError):  # the supervisor is dead
            os.write(report, f"{json.dumps(facts)}\n".encode())


def watch(keeper: int, order: Order, keeper_lives: int, deadline: ctypes.c_double) -> int:
    """The guard: look at what the attempt uses, until the keeper ends it, or had to."""
    found = None
    unmeasured: list[int] = []
    events = select.poll()
    events.register(keeper_lives, select.POLLIN)
    events.register(0, 0)  # its end; what it says is for the keeper
    while not events.poll(1000 * max(0.0, min(WATCH_SECONDS, seconds_left(deadline)))):
        if seconds_left(deadline) <= 0:
            break
        if not order.limits.are_watched:
            continue
        pids = list(descendants(keeper))
        if order.limits.memory_bytes and not unmeasured:
            unmeasured = use.unmeasured([keeper, *pids])
            if unmeasured:
                tell(order.report, unmeasured=unmeasured)
        found = use.excess(pids, order.limits)
        if found is not None:
            tell(order.report, excess=asdict(found))
            break
    code = told_by(keeper_lives) if found is None else b""
    stuck = bury(os.getpid())
    if stuck:
        tell(order.report, stuck=stuck)
    return int(code) if code else KILLED


def told_by(keeper_lives: int) -> bytes:
    """The trainer's exit code; nothing if the keeper was killed, or says nothing any more."""
    is_there = select.select([keeper_lives], [], [], 0)[0]
    return os.read(keeper_lives, READ_BYTES) if is_there else b""


def bury(ancestor: int) -> list[int]:
    """Kill all below `ancestor`, sessions of their own included; those that do not die."""
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        reap()
        alive = list(descendants(ancestor))
        if not alive or time.monotonic() >= deadline:
            return alive
        kill(alive)
        time.sleep(0.01)


def kill(pids: list[int]) -> None:
    # A group first: it is killed at one stroke, however fast its members fork.
    for group in groups(pids) - {os.getpgrp()}:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def groups(pids: list[int]) -> set[int]:
    found = set()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            found.add(os.getpgid(pid))
    return found


def reap(*, but: int | None = None) -> None:
    """Take the exit codes of dead children, orphans among them; leave that of `but`."""
    with contextlib.suppress(ChildProcessError):
        while True:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if dead is None or dead.si_pid == but:
                return
            os.waitpid(dead.si_pid, 0)


class Keeper:
    """Starts the trainer, and ends it when the supervisor says so or says nothing."""

    def __init__(
        self, order: Order, deadline: ctypes.c_double, guard_lives: int, handed_on: list[int]
    ) -> None:
        self._order = order
        self._deadline = deadline
        self._guard_lives = guard_lives
        self._handed_on = handed_on
        self._unread = b""

    def run(self, isolated: bool, guard: int) -> None:
        """Tell the guard the trainer's exit code through this pipe, once it has ended."""
        tell(self._order.report, keeper=identity())
        os.setsid()  # not of the guard's group: who kills that at one stroke leaves a keeper
        if isolated:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            namespace.furnish(self._order.limits.processes)
        else:
            _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        if select.select([self._guard_lives], [], [], 0)[0]:
            return  # it may have died before it was told who this is
        self._trainer = self._start()
        code = self._keep(woken)
        with contextlib.suppress(BrokenPipeError):  # the guard was killed
            os.write(guard, str(code).encode())
        if not isolated and (stuck := bury(os.getpid())):
            tell(self._order.report, stuck=stuck)

    def _start(self) -> "subprocess.Popen[bytes]":
        trainer = subprocess.Popen(  # noqa: S603  # the supervisor's own command line
            self._order.command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self._handed_on,
            preexec_fn=self._prepare,
        )
        for descriptor in self._handed_on:
            os.close(descriptor)
        return trainer

    def _prepare(self) -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        use.bind(self._order.limits)

    def _keep(self, woken: int) -> int:
        while True:
            reap(but=self._trainer.pid)
            code = self._trainer.poll()
            if code is not None:
                return code if code >= 0 else SIGNAL_EXIT - code
            left = seconds_left(self._deadline)
            if left <= 0 or not self._listen(woken, min(left, LONGEST_WAIT_SECONDS)):
                return self._kill()

    def _listen(self, woken: int, seconds: float) -> bool:
        """Wait for a word; False if there will be none any more."""
        readable, _, _ = select.select([0, woken, self._guard_lives], [], [], seconds)
        if woken in readable:
            os.read(woken, READ_BYTES)
        if self._guard_lives in readable:
            return False
        if 0 in readable:
            received = os.read(0, READ_BYTES)
            if not received:
                return False
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                self._obey(line)
        return True

    def _obey(self, line: bytes) -> None:
        verb, _, argument = line.partition(b" ")
        if verb == b"until":
            self._deadline.value = float(argument)
            tell(self._order.report, until=float(argument))
        elif verb == b"terminate":
            self._signal_group(signal.SIGTERM)
        elif verb == b"kill":
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, which: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._trainer.pid, which)

    def _kill(self) -> int:
        self._signal_group(signal.SIGKILL)
        return KILLED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
