"""`netaug up` as real processes: one a state, restarted, and nothing left at the end."""

import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.netaug_client.conftest import NETAUG, Up, clean_environment

GONE_S = 60


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Up]:
    """A platform that the test may kill."""
    platform = Up(tmp_path / "state")
    platform.url = platform.ready()
    yield platform
    platform.process.kill()
    platform.process.communicate()


def children(platform: Up) -> list[psutil.Process]:
    return psutil.Process(platform.process.pid).children(recursive=True)


def test_a_second_up_on_the_same_state_names_the_first(up: Up) -> None:
    second = Up(up.state)
    _, errors = second.process.communicate(timeout=60)
    assert second.process.returncode == 1
    assert str(up.process.pid) in errors


def test_a_taken_port_is_named(up: Up, tmp_path: Path) -> None:
    port = up.url.rpartition(":")[2]
    ended = subprocess.run(
        [*NETAUG, "up", "--state", str(tmp_path / "other"), "--port", port],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert f"port {port}" in ended.stderr


def test_the_state_is_the_owners_alone(up: Up) -> None:
    assert stat.S_IMODE(up.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((up.state / "api-key").stat().st_mode) == 0o600


def test_sigterm_leaves_no_process(own: Up) -> None:
    started = children(own)
    assert len(started) >= 3
    assert own.end() == 0
    assert psutil.wait_procs(started, timeout=GONE_S)[1] == []
    assert not (own.state / "server.json").exists()


def test_kill_9_of_up_leaves_no_process(own: Up) -> None:
    started = children(own)
    own.process.kill()
    assert psutil.wait_procs(started, timeout=GONE_S)[1] == []


def test_a_process_that_died_is_started_again(own: Up) -> None:
    api = next(process for process in children(own) if "api" in process.cmdline())
    api.send_signal(signal.SIGKILL)
    assert own.process.stderr is not None
    said = next(line for line in own.process.stderr if "started again" in line)
    assert said.startswith("api ")
    with httpx2.Client(transport=httpx2.HTTPTransport(retries=10)) as http:
        assert http.get(f"{own.url}/healthz").is_success


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("7", 7)])
def test_a_command_decides_the_exit_code(code: str, expected: int, tmp_path: Path) -> None:
    platform = Up(tmp_path / "state", "--", "sh", "-c", f'test -n "$NETAUG_URL" && exit {code}')
    platform.process.communicate(timeout=90)
    assert platform.process.returncode == expected
