"""The platform's processes: started together, restarted when they die, stopped in order."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
FIRST_PAUSE_S = 0.5  # before a process that died is started again; then doubled
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0  # one that lived this long starts with the first pause again

# -P: a directory `jobs` or `api` where the user stands must not be taken for ours.
PYTHON_MODULE = (sys.executable, "-P", "-m")

_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    # Also when the parent is killed: SIGTERM lets a worker put its job back.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@dataclass
class Child:
    """One process of the platform, kept alive."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    _started: float = 0.0
    _pause_s: float = FIRST_PAUSE_S

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own modules
                [*PYTHON_MODULE, *self.arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal goes to `up` alone
                preexec_fn=_end_with_parent,
            )
        self._started = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def revive(self) -> bool:
        """Start it again if it has died and its pause is over; whether it was started."""
        if self.is_alive:
            return False
        lived = time.monotonic() - self._started
        if lived > STEADY_S:
            self._pause_s = FIRST_PAUSE_S
        if lived < self._pause_s:
            return False
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        self.start()
        return True

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        if self.process is not None and self.is_alive:
            self.process.terminate()

    def stop(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL after `seconds`."""
        self.ask_to_stop()
        self.await_end(seconds)

    def await_end(self, seconds: float) -> None:
        """Wait for its end, and SIGKILL after `seconds`."""
        if self.process is None:
            return
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_once(arguments: Sequence[str], environment: dict[str, str]) -> None:
    """Run one of our modules to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    subprocess.run(  # noqa: S603  # our own modules
        [*PYTHON_MODULE, *arguments], env=environment, check=True, stdin=subprocess.DEVNULL
    )


def output_of(arguments: Sequence[str], environment: dict[str, str]) -> bytes:
    """Run one of our modules to its end; what it printed.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(  # noqa: S603  # our own modules
        [*PYTHON_MODULE, *arguments],
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ).stdout


def exit_code(arguments: Sequence[str], environment: dict[str, str]) -> int:
    """Run one of our modules to its end, which may be a failure that it has told of."""
    return subprocess.run(  # noqa: S603  # our own modules
        [*PYTHON_MODULE, *arguments],
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=_end_with_parent,
    ).returncode


def inherited() -> dict[str, str]:
    """This process's environment without settings of another installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NETAUG_")}
