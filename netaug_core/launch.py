"""A run on several devices of this machine: starts a process for each, and ends them together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from pydantic import ValidationError

from netaug_core.cores import usable_cores
from netaug_core.errors import EXIT_LEFT, FailureClass
from netaug_core.events import MAX_LINE_BYTES, Failed, parse_line
from netaug_core.training.reporting import Reporter

TICK_S = 0.05
AFTER_FAILURE_S = 5.0  # for the others to notice and end by themselves
AFTER_END_S = 60.0  # likewise, when one has ended well: all should be about to
SIGNAL_EXIT = 128
PR_SET_PDEATHSIG = 1


@dataclass
class Member:
    """The process of one device.

    Attributes:
        words: the reading end of a pipe for what it says of its failure.
        was_ended: by us, after another one had ended.
    """

    rank: int
    process: subprocess.Popen[bytes]
    words: int
    was_ended: bool = False

    @property
    def code(self) -> int:
        """As a shell counts: 128 plus the signal that ended it."""
        code = self.process.returncode
        return code if code >= 0 else SIGNAL_EXIT - code

    @property
    def has_failed(self) -> bool:
        return not self.was_ended and self.code not in (0, EXIT_LEFT)

    def last_words(self) -> Failed | None:
        """What it said of its failure; None if it could not."""
        with contextlib.suppress(BlockingIOError):
            line = os.read(self.words, MAX_LINE_BYTES).partition(b"\n")[0]
            with contextlib.suppress(ValidationError):
                event = parse_line(line)
                return event if isinstance(event, Failed) else None
        return None


@dataclass(frozen=True)
class Shares:
    """What the machine gives to each process.

    Attributes:
        num_threads: CPU threads, None for an equal share of the machine's.
        num_loader_workers: processes that decode, of all devices together.
        image_cache_bytes: memory for decoded pictures, likewise: each process has its own.
    """

    num_threads: int | None
    num_loader_workers: int
    image_cache_bytes: int

    def arguments(self, num_devices: int) -> list[str]:
        threads = (self.num_threads or usable_cores()) // num_devices
        workers = -(-self.num_loader_workers // num_devices)  # rounded up: some for each
        shares = {
            "--threads": max(1, threads),
            "--loader-workers": workers,
            "--image-cache": self.image_cache_bytes // num_devices,
        }
        return [word for name, share in shares.items() for word in (name, str(share))]


def launch(arguments: Sequence[str], num_devices: int, shares: Shares, reporter: Reporter) -> int:
    """Run the trainer's command line once for each device; the exit code of the whole.

    The first process reports to whoever started this one. A failure is told once, by `reporter`: it
    may be any process's, and makes all the others fail.
    """
    members: list[Member] = []
    with tempfile.TemporaryDirectory(prefix="netaug-") as meeting_place:
        forward = _Forwarding(members)
        try:
            for rank in range(num_devices):
                place = ["--rank", str(rank), "--rendezvous", f"file://{meeting_place}/store"]
                members.append(_start([*arguments, *shares.arguments(num_devices), *place], rank))
                forward.again_to(members[-1])
            ended = _wait(members)
        finally:
            _kill([member for member in members if member.process.poll() is None])
        code = _conclude(ended, reporter)
        for member in members:
            os.close(member.words)
    return code


class _Forwarding:
    """SIGTERM and Ctrl-C reach every process: one of them may have come to this one alone."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._received: int | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def again_to(self, member: Member) -> None:
        """For one that started only after the signal had come."""
        if self._received is not None:
            member.process.send_signal(self._received)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._received = number
        for member in self._members:
            member.process.send_signal(number)


def _start(arguments: Sequence[str], rank: int) -> Member:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    command = [sys.executable, "-m", "netaug_core", *arguments, "--failure-fd", str(writing)]
    try:
        process = subprocess.Popen(  # noqa: S603  # our own command line
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=[writing, *_events_descriptor(arguments, rank)],
            env=_environment(),
            preexec_fn=_die_with_launcher if sys.platform == "linux" else None,  # no threads here
        )
    finally:
        os.close(writing)
    return Member(rank, process, reading)


def _events_descriptor(arguments: Sequence[str], rank: int) -> list[int]:
    """If one was given; only the first process reports events."""
    flags = [number for number, text in enumerate(arguments) if text == "--events-fd"]
    return [int(arguments[flags[-1] + 1])] if flags and rank == 0 else []


def _environment() -> dict[str, str]:
    """All processes are on this machine: they need not listen to any other."""
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    local = {} if loopback is None else {"GLOO_SOCKET_IFNAME": loopback}
    return {**local, **os.environ}


def _die_with_launcher() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _wait(members: Sequence[Member]) -> list[Member]:
    """Until all have ended; in the order in which they did."""
    running, ended = list(members), []
    deadline: float | None = None
    while running:
        for member in [member for member in running if member.process.poll() is not None]:
            running.remove(member)
            ended.append(member)
            patience = AFTER_FAILURE_S if member.has_failed else AFTER_END_S
            deadline = min(deadline or time.monotonic() + patience, time.monotonic() + patience)
        if deadline is not None and time.monotonic() > deadline:
            _kill(running)
        time.sleep(TICK_S)
    return ended


def _kill(members: Sequence[Member]) -> None:
    for member in members:
        member.was_ended = True
        member.process.kill()
        member.process.wait()


def _conclude(ended: Sequence[Member], reporter: Reporter) -> int:
    """Tell the failure that came first, and not what the others say of it; the exit code."""
    failed = [member for member in ended if member.has_failed]
    if not failed:
        return max(member.code for member in ended if not member.was_ended)
    told = [(member, member.last_words()) for member in failed]
    for member, words in told:
        if words is not None and words.failure is not FailureClass.INFRA_LOST:
            reporter.emit(words)
            return member.code
    for member in failed:
        if member.process.returncode < 0:
            name = signal.Signals(-member.process.returncode).name
            sys.stderr.write(f"the process of device {member.rank} was ended by {name}\n")
            return member.code
    member, words = told[0]
    if words is not None:
        reporter.emit(words)
    return member.code
