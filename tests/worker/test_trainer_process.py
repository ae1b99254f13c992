"""What a trainer is told at its start; what stays of one that does not start, or has no guard."""

import contextlib
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.worker.conftest import Bench
from tests.worker.test_guard import FAMILY, drop_rights
from worker.guard import NAMESPACE, SUBREAPER
from worker.trainer_process import (
    ANY_DEVICE,
    BURIAL_SECONDS,
    TrainerProcess,
    WorkDir,
    arguments_of,
    boottime,
    limits_of,
)

SOON_S = 10.0
# What a database has to do with it is little, and these wait long.
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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
        (*bench.script(FAMILY), *arguments_of(work, settings, ANY_DEVICE, None)),
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
    """A trainer that waits, with a grandchild in a session of its own, behind its guard."""
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
    if not process.events.closed:
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


def keeper_and_guard(process: TrainerProcess) -> list[psutil.Process]:
    guard = psutil.Process(process.pid)
    return [guard.children()[0], guard]


def family_of(process: TrainerProcess) -> list[psutil.Process]:
    guard = psutil.Process(process.pid)
    return [guard, *guard.children(recursive=True)]


def seconds_of(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def until_ended(process: TrainerProcess) -> int:
    while (code := process.exit_code()) is None:
        time.sleep(0.01)
    return code


@one_database
@pytest.mark.parametrize("stopped", [slice(0, 1), slice(1, 2), slice(0, 2)], ids=str)
def test_whoever_of_keeper_and_guard_is_stopped_the_end_has_a_bound(
    started: TrainerProcess, stopped: slice
) -> None:
    # fails if it waits for processes that hear nothing: the slot was never free again
    family = family_of(started)
    for process in keeper_and_guard(started)[stopped]:
        process.suspend()
    assert seconds_of(started.close) < BURIAL_SECONDS + SOON_S
    assert alive(family) == []


@one_database
@pytest.mark.parametrize("started", [SUBREAPER], indirect=True)
def test_a_deadline_ends_an_attempt_also_if_keeper_and_guard_are_stopped(
    started: TrainerProcess,
) -> None:
    family = family_of(started)
    until = boottime() + 1.0
    started.keep_alive(until)
    assert started.has_heard(until, within_s=SOON_S)
    for process in keeper_and_guard(started):
        process.suspend()
    started.keep_alive(boottime() + 3600.0)  # its supervisor goes on, and is not heard
    assert seconds_of(lambda: until_ended(started)) < BURIAL_SECONDS + SOON_S
    assert alive(family) == []


@one_database
def test_a_stopped_keeper_hears_no_deadline(started: TrainerProcess) -> None:
    keeper_and_guard(started)[0].suspend()
    until = boottime() + 60.0
    started.keep_alive(until)
    assert not started.has_heard(until, within_s=0.5)


@one_database
@pytest.mark.parametrize("killed", ["each", "group"])
def test_nothing_of_an_attempt_lives_on_when_keeper_and_guard_were_killed(
    started: TrainerProcess, killed: str
) -> None:
    # fails without a look for its marker: nobody knows the grandchild's session any more
    family = family_of(started)
    keeper, guard = keeper_and_guard(started)
    keeper.suspend()  # it buries nobody
    if killed == "group":
        os.killpg(guard.pid, signal.SIGKILL)
    guard.kill()
    keeper.kill()
    assert until_ended(started) == -signal.SIGKILL
    assert alive(family) == []
    assert started.remarks.stuck == ()


@one_database
@pytest.mark.parametrize("started", [SUBREAPER], indirect=True)
def test_a_stopped_keeper_of_a_killed_guard_is_killed_with_all_it_kept(
    started: TrainerProcess,
) -> None:
    keeper = psutil.Process(started.pid).children()[0]
    keeper.suspend()  # it buries nobody
    family = without_guard(started)
    assert until_ended(started) == -signal.SIGKILL
    assert alive(family) == []


@one_database
@pytest.mark.parametrize("started", [SUBREAPER], indirect=True)
def test_processes_that_outlive_their_guard_are_told_as_stuck(
    started: TrainerProcess, freezer: Path
) -> None:
    *_, grandchild = family_of(started)
    (freezer / "cgroup.procs").write_text(str(grandchild.pid))
    (freezer / "freezer.state").write_text("FROZEN")
    keeper, guard = keeper_and_guard(started)
    keeper.suspend()
    guard.kill()
    keeper.kill()
    until_ended(started)
    assert started.remarks.stuck == (grandchild.pid,)
    (freezer / "freezer.state").write_text("THAWED")
    assert psutil.wait_procs([grandchild], timeout=30)[1] == []
