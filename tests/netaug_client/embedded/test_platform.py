"""`netaug up` as real processes: one a state, restarted, and nothing left at the end."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from netaug_client.client import Client
from tests.netaug_client.conftest import NETAUG, TINY, TRAINED_S, Run, Up, clean_environment

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


def test_two_workers_run_two_jobs_side_by_side(tmp_path: Path) -> None:
    platform = Up(tmp_path / "state", "--workers", "2")
    try:
        with Client(platform.ready(), platform.key) as client:
            long = {**TINY, "training": {"epochs": 1000}}
            jobs = [client.jobs.submit(long) for _ in range(2)]
            deadline = time.monotonic() + TRAINED_S
            while not all(client.jobs.get(job.id).details.progress for job in jobs):
                assert time.monotonic() < deadline, "they did not both train"
                time.sleep(0.2)
            found = [client.jobs.get(job.id) for job in jobs]
            listed = client.workers.list()

        assert [job.status for job in found] == ["running", "running"]
        assert len(listed) == 2
        assert {job for worker in listed for job in worker.jobs} == {job.id for job in jobs}
        assert all(worker.jobs for worker in listed)
    finally:
        assert platform.end() == 0


@pytest.fixture
def three_gpus(tmp_path: Path) -> str:
    """A PATH with a driver's tool that lists three GPUs."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf 'First\\nSecond\\nThird\\n'\n")
    tool.chmod(0o755)
    return f"{tool.parent}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("visible", "workers", "expected"),
    [
        ({}, "1", [["First", "Second", "Third"]]),
        ({}, "2", [["First"], ["Second", "Third"]]),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, "2", [["First"], ["Third"]]),
        ({"CUDA_VISIBLE_DEVICES": ""}, "2", [[], []]),
    ],
)
def test_the_workers_of_one_machine_divide_its_gpus(
    visible: dict[str, str],
    workers: str,
    expected: list[list[str]],
    three_gpus: str,
    tmp_path: Path,
) -> None:
    platform = Up(tmp_path / "state", "--workers", workers, PATH=three_gpus, **visible)
    try:
        with Client(platform.ready(), platform.key) as client:
            deadline = time.monotonic() + GONE_S
            while len(listed := client.workers.list()) < int(workers):
                assert time.monotonic() < deadline, "they are not all up"
                time.sleep(0.2)
        assert sorted(list(worker.devices) for worker in listed) == expected
    finally:
        assert platform.end() == 0


def test_more_workers_than_gpus_are_refused(three_gpus: str, tmp_path: Path) -> None:
    platform = Up(tmp_path / "state", "--workers", "4", PATH=three_gpus)
    _, errors = platform.process.communicate(timeout=60)
    assert platform.process.returncode == 1
    assert "--workers 4" in errors
    assert "3 GPUs" in errors


def test_workers_are_listed_paused_and_resumed(netaug: Run) -> None:
    listed = netaug("workers", "list")
    [line] = listed.stdout.splitlines()[1:]
    name = line.split("\t")[0]

    said = [netaug("workers", wish, name).stdout for wish in ("pause", "resume")]

    assert said == [f"{name} paused\n", f"{name} ready\n"]
    assert netaug("workers", "pause", "nobody").returncode == 3
