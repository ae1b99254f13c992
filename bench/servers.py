"""Server processes under measurement: started, awaited, their CPU and memory counted, ended."""

import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.servers import free_port

START_S = 60.0
PAUSE_S = 0.05
# Measured is what a server can do, not what one tenant may.
NO_LIMITS = {
    "NETAUG_SUBMITS_PER_SECOND": "0",
    "NETAUG_TENANT_REQUESTS_AT_ONCE": "5000",
    "NETAUG_TENANT_STREAMS_AT_ONCE": "5000",
    "NETAUG_STREAMS_AT_ONCE": "5000",
}


@dataclass(frozen=True)
class Server:
    """A process that listens, with the processes that it started."""

    process: psutil.Process
    port: int

    @property
    def cpu_s(self) -> float:
        return sum(cpu_s(process) for process in self._all())

    @property
    def rss_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def cpu_s(process: psutil.Process) -> float:
    """What a process has used so far, of user and of system time."""
    times = process.cpu_times()
    return float(times.user + times.system)


def postgres_cpu_s(postmaster: int) -> float:
    """Of a Postgres cluster: its postmaster counts the sessions that ended, psutil the others."""
    process = psutil.Process(postmaster)
    ended = process.cpu_times()
    alive = sum(cpu_s(child) for child in process.children(recursive=True))
    return float(cpu_s(process) + ended.children_user + ended.children_system + alive)


@contextmanager
def ours(url: str, storage: Path, *flags: str) -> Iterator[Server]:
    """`python -m api`, one process."""
    places = {"NETAUG_DATABASE_URL": url, "NETAUG_STORAGE_URL": storage.as_uri()}
    environment = places | NO_LIMITS
    arguments = [sys.executable, "-m", "api", *flags, "--port"]
    with listening(arguments, "/healthz", environment) as server:
        yield server


@contextmanager
def floor(url: str) -> Iterator[Server]:
    """The lean application, one process."""
    arguments = [sys.executable, "-m", "uvicorn", "bench.api_floor:app", "--no-access-log"]
    arguments += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning", "--port"]
    with listening(arguments, "/openapi.json", {"BENCH_DATABASE_URL": url}) as server:
        yield server


@contextmanager
def listening(
    arguments: Sequence[str | Path], path: str, environment: dict[str, str]
) -> Iterator[Server]:
    """A server whose last argument is the port, once it answers `path`."""
    port = free_port()
    process = subprocess.Popen(
        [*arguments, str(port)],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_answer(process, f"http://127.0.0.1:{port}{path}")
        yield Server(psutil.Process(process.pid), port)
    finally:
        process.terminate()
        process.wait(START_S)


def _await_answer(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url).close()  # noqa: S310  # http, of this machine
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def allow_connections(count: int) -> None:
    """Let this process, and those it starts, hold so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 2 * count)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
