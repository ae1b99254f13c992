"""One real embedded platform for all tests of the client, and the command as users run it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from netaug_client.client import Client
from netaug_client.jobs import Job
from tests.small_network import SMALL_MODEL

NETAUG = (sys.executable, "-m", "netaug_client.cli.main")
TINY = {
    "name": "tiny",
    "tags": ["client-test"],
    "model": SMALL_MODEL,
    "data": {"dataset": "digits", "batch_size": 256, "crop": "none"},
    "augment": None,
    "training": {"epochs": 1},
}
TRAINED_S = 150.0
END_S = 90


class Run(Protocol):
    """Runs the `netaug` command against the platform."""

    def __call__(
        self, *arguments: str, stdin: str | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]": ...


class Up:
    """A `netaug up` of the test's own, on a free port."""

    def __init__(self, state: Path, *arguments: str, **environment: str) -> None:
        self.state = state
        self.url = ""
        self.process = subprocess.Popen(
            [*NETAUG, "up", "--state", str(state), "--port", "0", "--threads", "1", *arguments],
            env=clean_environment(state.parent, **environment),
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> str:
        """The address, once the platform has said that it is ready."""
        assert self.process.stderr is not None
        said: list[str] = []
        for line in self.process.stderr:
            said.append(line)
            if line.startswith("API key in "):  # its last line when it is ready
                return str(json.loads((self.state / "server.json").read_text())["url"])
        raise AssertionError(f"netaug up ended before it was ready:\n{''.join(said)}")

    @property
    def key(self) -> str:
        return (self.state / "api-key").read_text().strip()

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        self.process.communicate(timeout=END_S)
        return self.process.returncode


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """This environment without a server, with configuration and state below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NETAUG_")}
    own = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state-home")}
    return {**kept, **own, "OMP_WAIT_POLICY": "PASSIVE", **more}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal, for this process and its children: a shell's background has none."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    platform = Up(tmp_path_factory.mktemp("platform") / "state")
    platform.url = platform.ready()
    yield platform
    platform.end()


@pytest.fixture
def client(up: Up) -> Iterator[Client]:
    with Client(up.url, up.key) as client:
        yield client


@pytest.fixture(scope="session")
def trained_id(up: Up) -> str:
    with Client(up.url, up.key) as client:
        job = client.jobs.submit(TINY).wait(timeout=TRAINED_S)
    assert job.status == "succeeded", job.details.failure
    return job.id


@pytest.fixture
def trained(client: Client, trained_id: str) -> Job:
    """A job that has succeeded; the tests share it and leave it as it is."""
    return client.jobs.get(trained_id)


@pytest.fixture
def netaug(up: Up, tmp_path: Path) -> Run:
    def run(
        *arguments: str, stdin: str | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        server = {"NETAUG_URL": up.url, "NETAUG_API_KEY": up.key}
        return subprocess.run(
            [*NETAUG, *arguments],
            input=stdin,
            env=clean_environment(tmp_path, **{**server, **environment}),
            capture_output=True,
            text=True,
            timeout=TRAINED_S,
        )

    return run


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path
