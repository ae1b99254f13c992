"""Several attempts at once on one real worker: their GPUs, their isolation, a large job's turn."""

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from jobs import db, processes, queries
from jobs.dialect import database_time
from jobs.processes import Worker
from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import Installation, chain_spec

pytestmark = pytest.mark.slow

FOR_EVER = 1000  # epochs: such a job runs until it is asked to stop


@pytest.fixture
def platform(installation: Installation) -> Installation:
    """The API and a dispatcher; each test starts its own workers."""
    installation.start("dispatcher")
    installation.start_api()
    return installation


def two_gpus(directory: Path, **settings: str) -> dict[str, str]:
    """The environment of a worker whose driver's tool names two GPUs."""
    tool = directory / "driver" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf 'Fake GPU\\nFake GPU\\n'\n")
    tool.chmod(0o755)
    return {"PATH": f"{tool.parent}:{os.environ['PATH']}", "NETAUG_DEVICE": "auto", **settings}


def the_worker(platform: Installation) -> Worker | None:
    with db.reading(platform.engine) as connection:
        return next(iter(processes.list_workers(connection)), None)


def submit(platform: Installation, **resources: Any) -> str:
    return platform.submit(chain_spec(epochs=FOR_EVER, **resources))


def until_running(platform: Installation, *job_ids: str) -> None:
    for job_id in job_ids:
        platform.until(
            lambda job_id=job_id: platform.job(job_id).progress is not None, f"{job_id} trains"
        )


def stop(platform: Installation, *job_ids: str) -> None:
    """Let jobs end with what they have."""
    for job_id in job_ids:
        assert platform.call("POST", f"/v1/jobs/{job_id}/stop").status == 202
    platform.until_final(*job_ids)
    assert {platform.job(job_id).status for job_id in job_ids} == {JobStatus.SUCCEEDED}


def visible(platform: Installation, worker: "subprocess.Popen[bytes]") -> list[str]:
    """CUDA_VISIBLE_DEVICES of each trainer that runs."""
    return sorted(t.environ()["CUDA_VISIBLE_DEVICES"] for t in platform.trainers(worker))


def outcomes(platform: Installation, job_id: str) -> Iterable[AttemptOutcome | None]:
    return [attempt.outcome for attempt in platform.attempts(job_id)]


def test_one_trainers_death_does_not_touch_the_one_beside_it(platform: Installation) -> None:
    worker = platform.start("worker", NETAUG_SLOTS="2")
    first, second = submit(platform), submit(platform)
    until_running(platform, first, second)
    trainers = platform.trainers(worker)
    assert len(trainers) == 2

    victim = next(t for t in trainers if any(first in part for part in t.cmdline()))
    victim.send_signal(signal.SIGKILL)
    platform.until(lambda: len(platform.attempts(first)) == 2, "the killed one starts again")

    until_running(platform, first)
    stop(platform, first, second)
    assert outcomes(platform, first) == [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED]
    assert outcomes(platform, second) == [AttemptOutcome.SUCCEEDED]


def test_small_jobs_share_gpus_as_the_slots_say(platform: Installation) -> None:
    environment = two_gpus(platform.directory, NETAUG_SLOTS_PER_GPU="2")
    worker = platform.start("worker", **environment)
    platform.until(lambda: the_worker(platform), "the worker reports")
    small = [submit(platform, gpus=gpus) for gpus in (1, 1, None)]
    none = submit(platform, gpus=0)
    until_running(platform, *small, none)

    assert sorted(filter(None, visible(platform, worker))) in (["0", "0", "1"], ["0", "1", "1"])
    assert visible(platform, worker).count("") == 1
    found = the_worker(platform)
    assert found is not None
    assert {job.id for job in found.jobs} == {*small, none}
    stop(platform, *small, none)


def test_a_large_job_has_its_turn_before_smaller_ones_behind_it(platform: Installation) -> None:
    worker = platform.start("worker", **two_gpus(platform.directory))
    platform.until(lambda: the_worker(platform), "the worker reports")
    before = submit(platform, gpus=1)
    until_running(platform, before)
    large, behind = submit(platform, gpus=2), submit(platform, gpus=1)
    platform.until(lambda: holds_for(platform) == large, "the worker keeps its other GPU free")

    stop(platform, before)
    until_running(platform, large)
    assert visible(platform, worker) == ["0,1"]
    stop(platform, large)
    until_running(platform, behind)
    stop(platform, behind)

    assert started(platform, before) < started(platform, large) < started(platform, behind)


def holds_for(platform: Installation) -> object:
    worker = the_worker(platform)
    return worker and worker.process.facts["holds_for"]


def started(platform: Installation, job_id: str) -> Any:
    with db.reading(platform.engine) as connection:
        return queries.list_attempts(connection, job_id)[0].started_at


def test_a_worker_is_paused_drained_and_resumed_and_no_job_is_charged(
    platform: Installation,
) -> None:
    platform.start("worker")
    platform.until(lambda: the_worker(platform), "the worker reports")
    first = submit(platform)
    until_running(platform, first)

    name = ask(platform, "pause", "paused")
    waits = submit(platform)
    stop(platform, first)
    resumed_at = now(platform)
    ask(platform, "resume", "ready")
    until_running(platform, waits)
    assert outcomes(platform, first) == [AttemptOutcome.SUCCEEDED]
    assert started(platform, waits) > resumed_at

    ask(platform, "drain", "draining")
    platform.until(lambda: outcomes(platform, waits) == [AttemptOutcome.RELEASED], "it leaves")
    platform.until(lambda: state(platform) == "drained", "nothing runs there")
    assert platform.job(waits).status is JobStatus.QUEUED
    assert last_words(platform, waits) == "the worker was drained by an operator"
    ask(platform, "resume", "ready")
    platform.until(lambda: len(platform.attempts(waits)) == 2, "it starts again")
    stop(platform, waits)

    assert platform.job(waits).lost_attempts == 0
    assert [attempt.worker for attempt in platform.attempts(waits)] == [name, name]


def ask(platform: Installation, wish: str, expected: str) -> str:
    """Ask the only worker; its name."""
    worker = the_worker(platform)
    assert worker is not None
    answer = platform.call("POST", f"/v1/workers/{worker.process.name}/{wish}")
    assert (answer.status, answer.body["state"]) == (202, expected)
    return worker.process.name


def state(platform: Installation) -> str:
    [worker] = platform.call("GET", "/v1/workers").body["items"]
    return str(worker["state"])


def last_words(platform: Installation, job_id: str) -> object:
    with db.reading(platform.engine) as connection:
        return queries.list_attempts(connection, job_id)[-1].message


def now(platform: Installation) -> Any:
    with db.reading(platform.engine) as connection:
        return database_time(connection)
