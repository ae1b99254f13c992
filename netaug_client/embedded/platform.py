"""The whole platform on one machine, without any server: `netaug up`."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx2

from netaug_client.embedded import gpus, processes
from netaug_client.embedded.processes import Child
from netaug_client.embedded.state import State
from netaug_client.errors import NetaugError

READY_SECONDS = 60.0
LOOK_S = 0.1
WORKER_GRACE_S = 40.0  # a trainer writes a checkpoint and leaves
OTHERS_GRACE_S = 10.0


class NotReady(NetaugError):
    """The platform did not come up."""


@dataclass(frozen=True)
class Options:
    port: int
    data_roots: tuple[Path, ...]
    threads: int
    workers: int = 1

    @property
    def threads_each(self) -> int:
        """Of one worker's trainer: its part of the cores, unless the user says how many."""
        return self.threads or max(1, len(os.sched_getaffinity(0)) // self.workers)


class Platform:
    """API, dispatcher and workers as child processes, over one state directory.

    Raises:
        NotReady: the port is taken.
        TooFewGpus: for so many workers.
    """

    def __init__(self, state: State, options: Options) -> None:
        self._state = state
        self._environment = processes.inherited() | state.environment(
            options.data_roots, options.threads_each
        )
        self.port = _checked(options.port) if options.port else _free_port()
        self.stopping = Event()
        serve = ("api", "--host", "127.0.0.1", "--port", str(self.port))
        self.api = self._child("api", *serve)
        self.dispatcher = self._child("dispatcher", "worker.dispatcher")
        shares = gpus.divided(self._environment, options.workers)
        self.workers = tuple(self._worker(number, own) for number, own in enumerate(shares, 1))

    def _worker(self, number: int, own: dict[str, str]) -> Child:
        return self._child("worker" if number == 1 else f"worker-{number}", "worker", **own)

    def _child(self, name: str, *arguments: str, **own: str) -> Child:
        log = self._state.logs / f"{name}.log"
        return Child(name, arguments, self._environment | own, log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def children(self) -> tuple[Child, ...]:
        return (*self.workers, self.dispatcher, self.api)

    def start(self) -> None:
        """Prepare the database and the key, start everything, and wait until it is ready.

        Raises:
            NotReady: it is not, after a minute; the logs say why.
        """
        key_file = str(self._state.key)
        try:
            processes.run_once(("jobs", "prepare", "--secret-file", key_file), self._environment)
        except subprocess.CalledProcessError as error:
            raise NotReady(f"the database in {self._state.directory} cannot be used") from error
        for child in self.children:
            child.start()
        self._wait_until_ready()
        self._state.announce(self.url)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        with httpx2.Client(base_url=self.url, timeout=5.0) as http:
            while not self._answers(http):
                if self.stopping.is_set():
                    return
                if time.monotonic() > until:
                    raise NotReady(f"the platform is not ready; see {self._state.logs}")
                self.revive()
                time.sleep(LOOK_S)

    def _answers(self, http: httpx2.Client) -> bool:
        try:
            return http.get("/readyz").is_success
        except httpx2.TransportError:
            return False

    def revive(self) -> list[str]:
        """Start processes again that have died; their names."""
        return [child.name for child in self.children if child.revive()]

    def stop(self) -> None:
        """Stop the workers, which put their jobs back, then the dispatcher and the API."""
        self.stopping.set()
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in self.workers:
            worker.await_end(WORKER_GRACE_S)
        self.dispatcher.stop(OTHERS_GRACE_S)
        self.api.stop(OTHERS_GRACE_S)

    def run(self, command: Sequence[str]) -> int:
        """Run a command that finds this platform in its environment; its exit code."""
        environment = processes.inherited() | {
            "NETAUG_URL": self.url,
            "NETAUG_API_KEY": self._state.key.read_text().strip(),
        }
        with subprocess.Popen(command, env=environment) as process:  # noqa: S603  # the user's own
            while (code := process.poll()) is None:
                if self.stopping.wait(LOOK_S):
                    code = _interrupt(process)
                    break
                self.revive()
        return code if code >= 0 else 128 - code


def _interrupt(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(OTHERS_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _checked(port: int) -> int:
    """The port itself, if nothing listens there: another platform would answer in our place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NotReady(
                f"port {port} cannot be used ({error.strerror}); give another --port, or 0 for "
                "any free one"
            ) from error
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
