"""The guard with real processes: whatever happens to its supervisor, nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from worker.trainer_process import GUARD, boottime

# Writes its own id and that of a grandchild in a session of its own, then lives for an hour.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
print(os.getpid(), child.pid, flush=True)
time.sleep(3600)
"""


Guard = subprocess.Popen[bytes]
Start = Callable[..., Guard]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts guards around Python scripts, and ends what is left of them."""
    guards: list[Guard] = []

    def start_one(script: str, *, seconds: float = 60.0) -> Guard:
        guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(GUARD), str(boottime() + seconds), "--"),
                *(sys.executable, "-c", script),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        guards.append(guard)
        return guard

    yield start_one
    for guard in guards:
        with guard:  # closes the pipes: the guard kills its trainer then
            pass


def family_of(guard: Guard) -> list[psutil.Process]:
    assert guard.stdout is not None
    return [psutil.Process(int(pid)) for pid in guard.stdout.readline().split()]


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []


def tell(guard: Guard, line: str) -> None:
    assert guard.stdin is not None
    guard.stdin.write(f"{line}\n".encode())
    guard.stdin.flush()


def test_the_exit_code_of_the_trainer_is_handed_on(start: Start) -> None:
    assert start("raise SystemExit(67)").wait(10) == 67


def test_a_signal_that_ends_the_trainer_is_told_as_128_plus_its_number(start: Start) -> None:
    guard = start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert guard.wait(10) == 128 + signal.SIGSEGV


def test_the_end_of_the_supervisors_pipe_kills_the_trainer_and_its_grandchildren(
    start: Start,
) -> None:
    guard = start(FAMILY)
    processes = family_of(guard)
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(processes)


def test_a_frozen_supervisor_loses_the_attempt_at_the_deadline(start: Start) -> None:
    guard = start(FAMILY, seconds=1.0)  # and no word ever after
    processes = family_of(guard)
    assert guard.wait(10) == 128 + signal.SIGKILL
    assert_gone(processes)


def test_a_later_deadline_lets_the_trainer_live(start: Start) -> None:
    guard = start("import time; time.sleep(1.5); raise SystemExit(7)", seconds=1.0)
    tell(guard, f"until {boottime() + 60}")
    assert guard.wait(10) == 7


def test_what_a_trainer_leaves_behind_is_killed_after_it_ended_well(start: Start) -> None:
    guard = start(FAMILY.replace("time.sleep(3600)", ""))
    trainer, orphan = family_of(guard)
    assert guard.wait(10) == 0
    assert_gone([trainer, orphan])


def test_terminate_reaches_the_whole_process_group(start: Start) -> None:
    guard = start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\n"
        "print('0', flush=True)\n"
        "time.sleep(3600)"
    )
    assert guard.stdout is not None
    guard.stdout.readline()
    tell(guard, "terminate")
    assert guard.wait(10) == 75


def test_kill_ends_a_trainer_that_ignores_sigterm(start: Start) -> None:
    guard = start(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('0', flush=True)\n"
        "time.sleep(3600)"
    )
    assert guard.stdout is not None
    guard.stdout.readline()
    tell(guard, "terminate")
    tell(guard, "kill")
    assert guard.wait(10) == 128 + signal.SIGKILL


def test_killing_the_guard_kills_the_trainer(start: Start) -> None:
    guard = start(FAMILY)
    trainer, grandchild = family_of(guard)
    guard.kill()
    guard.wait(10)
    assert_gone([trainer])
    grandchild.kill()  # its parent is dead: only a PID namespace would have taken it along


def test_sigterm_to_the_guard_alone_changes_nothing(start: Start) -> None:
    guard = start("import time; time.sleep(0.5); raise SystemExit(3)")
    deadline = time.monotonic() + 5
    while b"guard.py" not in Path(f"/proc/{guard.pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
    # The handler is set before the trainer is started.
    while not psutil.Process(guard.pid).children():
        assert time.monotonic() < deadline
    os.kill(guard.pid, signal.SIGTERM)
    assert guard.wait(10) == 3
