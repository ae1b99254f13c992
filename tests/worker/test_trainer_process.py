"""What a trainer is told at its start; what stays of one that does not start, or has no guard."""

import contextlib
import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.worker.conftest import Bench
from tests.worker.test_guard import drop_rights
from worker.guard import NAMESPACE, SUBREAPER
from worker.trainer_process import (
    ANY_DEVICE,
    TrainerProcess,
    WorkDir,
    arguments_of,
    boottime,
    limits_of,
)

WAITS = "import time; print('ready', flush=True); time.sleep(3600)"


def test_the_trainer_gets_the_worker_s_memory_for_pictures(bench: Bench) -> None:
    bench.settings.image_cache_bytes = 12_345
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "print('cache', arguments['--image-cache'])\n"
            "say('finished', step=1, result={'test_accuracy': 1.0})"
        )
    )
    assert "cache 12345" in bench.log(job_id)


def test_a_trainer_counts_gpus_as_the_driver_s_tool_does(bench: Bench) -> None:
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "print('order', os.environ['CUDA_DEVICE_ORDER'])\n"
            "say('finished', step=1, result={'test_accuracy': 1.0})"
        )
    )
    assert "order PCI_BUS_ID" in bench.log(job_id)


def start(bench: Bench, path: Path) -> TrainerProcess:
    work, settings = WorkDir(path), bench.settings
    return TrainerProcess(
        work,
        limits_of(work, settings, ANY_DEVICE),
        (*bench.script(WAITS), *arguments_of(work, settings, ANY_DEVICE, None)),
        environment={},
        alive_until=boottime() + 60,
    )


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208  # the numbers themselves are wanted


@contextlib.contextmanager
def room_for(more: int) -> Iterator[None]:
    """No more than so many further descriptors can be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    filler = [os.dup(0) for _ in range(64)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(filler) + 1, limits[1]))
    for _ in range(more):
        os.close(filler.pop())
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in filler:
            os.close(descriptor)


@pytest.mark.parametrize("more", range(10))
def test_a_trainer_that_cannot_be_started_leaves_no_descriptor_open(
    bench: Bench, tmp_path: Path, more: int
) -> None:
    before = descriptors()
    with room_for(more), pytest.raises(OSError, match="Too many open files"):
        start(bench, tmp_path)
    assert descriptors() == before


@pytest.fixture(params=[NAMESPACE, SUBREAPER])
def started(
    request: pytest.FixtureRequest, bench: Bench, tmp_path: Path
) -> Iterator[TrainerProcess]:
    """A trainer that waits, behind its guard."""
    if request.param == NAMESPACE and os.geteuid() != 0:
        pytest.skip("only root may make a PID namespace")
    processes: list[TrainerProcess] = []

    def start_one() -> None:
        drop_rights(request.param)  # of this thread alone
        processes.append(start(bench, tmp_path))

    thread = threading.Thread(target=start_one)
    thread.start()
    thread.join()
    [process] = processes
    assert process.output.readline() == b"ready\n"
    assert process.remarks.read().isolation == request.param
    yield process
    process.close()
    process.events.close()  # stuck ones leave it to their readers
    process.output.close()


def without_guard(process: TrainerProcess) -> list[psutil.Process]:
    """Kill the guard; the keeper and what is below it."""
    guard = psutil.Process(process.pid)
    family = guard.children(recursive=True)
    guard.kill()
    return family


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_an_attempt_whose_guard_was_killed_has_ended_when_all_its_processes_have(
    started: TrainerProcess,
) -> None:
    # fails if the end of the guard counts as the end of the attempt
    family = without_guard(started)
    while started.exit_code() is None:
        pass
    assert alive(family) == []
    assert started.exit_code() == -signal.SIGKILL
    assert started.remarks.stuck == ()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # one is enough: it waits long
@pytest.mark.parametrize("started", [SUBREAPER], indirect=True)
def test_processes_that_outlive_a_killed_guard_are_told_as_stuck(started: TrainerProcess) -> None:
    keeper = psutil.Process(started.pid).children()[0]
    keeper.suspend()  # it buries nobody
    try:
        family = without_guard(started)
        while started.exit_code() is None:
            assert keeper.is_running()
        assert started.remarks.stuck == (keeper.pid,)
    finally:
        keeper.resume()
    assert psutil.wait_procs(family, timeout=30)[1] == []
