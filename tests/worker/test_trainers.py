"""Trainers that were started before their job: the same results, the same walls around them."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from jobs import db, queries
from jobs.settings import Settings
from jobs.states import JobStatus
from tests.worker.conftest import Bench
from worker import staging
from worker.burial import MARKER
from worker.stuck import Stuck
from worker.trainer_process import Devices
from worker.trainers import WarmTrainer, WarmTrainers

ANY = Devices()
GONE_S = 30.0


@pytest.fixture
def warm(settings: Settings) -> Iterator[WarmTrainers]:
    settings.device = "cpu"
    trainers = WarmTrainers(settings, Stuck())
    yield trainers
    trainers.keep(0)


@pytest.fixture
def no_database(tmp_path: Path) -> Settings:
    """What a trainer needs of the settings: no database is one of them."""
    return Settings(
        database_url=SecretStr("postgresql://canary"),
        storage_url=f"file://{tmp_path}/storage",
        work_dir=tmp_path / "work",
    )


def trainer_of(guard: psutil.Process) -> psutil.Process:
    """The process itself, once its guard's child has started it."""
    while True:
        for process in guard.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "standby" in process.cmdline()[:4]:
                    return process
        time.sleep(0.01)


def guards() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if "standby" in process.cmdline()]


def is_gone(process: psutil.Process) -> bool:
    return not psutil.wait_procs([process], timeout=GONE_S)[1]


def model_of(bench: Bench, job_id: str) -> str:
    with db.reading(bench.engine) as connection:
        return queries.get_artifact(connection, job_id, "model.safetensors").sha256


def test_a_warm_trainer_trains_what_one_of_the_job_s_own_trains(
    bench: Bench, warm: WarmTrainers
) -> None:
    own = bench.submit()
    bench.run()
    warm.keep(1)
    (guard,) = guards()
    told = bench.submit()
    bench.run(warm=warm)
    assert is_gone(guard)  # it was taken, and for one attempt
    assert warm.take(ANY) is None
    assert bench.job(told).status is JobStatus.SUCCEEDED
    assert model_of(bench, told) == model_of(bench, own)
    assert bench.log(told).splitlines()[0] == bench.log(own).splitlines()[0]
    assert list(bench.settings.work_dir.iterdir()) == []


def test_one_that_died_is_missed_by_no_job(bench: Bench, warm: WarmTrainers) -> None:
    warm.keep(1)
    (guard,) = guards()
    trainer = trainer_of(guard)
    guard.kill()
    os.waitid(os.P_PID, guard.pid, os.WEXITED | os.WNOWAIT)  # its worker takes the exit code
    job_id = bench.submit()
    bench.run(warm=warm)
    assert bench.job(job_id).status is JobStatus.SUCCEEDED
    assert is_gone(trainer)


@pytest.mark.parametrize(("job", "left"), [(Devices(2, "0,1"), 0), (ANY, 1)])
def test_a_job_that_starts_cold_takes_the_memory_of_one_that_waits(
    bench: Bench, warm: WarmTrainers, job: Devices, left: int
) -> None:
    # fails if it goes on waiting for a slot that is no more free
    warm.keep(1)
    warm.leave_room(job, free=0)
    assert len(guards()) == left


@pytest.mark.parametrize(
    ("device", "fits"),
    [
        ("auto", [Devices(None, "0"), Devices(1, "1")]),
        ("cpu", [Devices(0), Devices(None), Devices(1)]),
    ],
)
def test_it_is_taken_by_jobs_that_have_its_limits(
    no_database: Settings, device: str, fits: list[Devices]
) -> None:
    no_database.device, no_database.trainer_memory_bytes = device, 1 << 33
    # A process for each GPU; and on a CPU memory has a limit that GPUs know not.
    others = [Devices(2, "0,1"), *([Devices(0, "")] if device == "auto" else [])]
    with WarmTrainer(no_database, Stuck()) as trainer:
        for devices in fits:
            assert trainer.is_fit_for(no_database, devices)
        for devices in others:
            assert not trainer.is_fit_for(no_database, devices)


def test_it_knows_no_secret_and_has_the_directory_of_its_attempt(
    no_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETAUG_DATABASE_URL", "postgresql://canary")
    warm = WarmTrainers(no_database, Stuck())
    warm.keep(1)
    (guard,) = guards()
    trainer = trainer_of(guard)
    environment = trainer.environ()
    assert "canary" not in str(environment)
    directory = Path(environment[MARKER])
    assert (directory.parent, environment["TMPDIR"]) == (no_database.work_dir, str(directory))
    assert list(staging.orphans(no_database.work_dir)) == []
    assert staging.sweep(no_database.work_dir) == 0
    warm.keep(0)
    assert is_gone(trainer)
    assert not directory.exists()
