"""The models of other jobs, from storage into an attempt's inputs; the trainers are scripts."""

import fcntl
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import db, queries
from jobs.errors import ObjectMissing
from jobs.states import AttemptOutcome, JobStatus
from jobs.tables import jobs
from netaug_core.errors import FailureClass
from netaug_core.spec import JobSpec
from netaug_core.weights import MODEL_FILE
from tests.worker.conftest import TINY, Bench
from worker import staging
from worker.draining import SHUT_DOWN
from worker.trainer_process import MARKER, WorkDir

MODEL = b"the weights of a job"
FINISHES = f"""
import hashlib
data = {MODEL!r}
open(arguments["--out"] + "/{MODEL_FILE}", "wb").write(data)
say("artifact", name="{MODEL_FILE}", kind="model", media_type="a/b", description="",
    size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
say("finished", step=1, result={{}})
"""
SHOWS_INPUTS = """
inputs = arguments.get("--inputs")
names = sorted(os.listdir(inputs)) if inputs else None
print(json.dumps(names and {name: open(inputs + "/" + name).read() for name in names}))
say("finished", step=1, result={})
"""


@pytest.fixture
def source(bench: Bench) -> str:
    """A job that has succeeded; its model is stored."""
    job_id = bench.submit()
    bench.run(trainer=bench.script(FINISHES))
    assert bench.job(job_id).status is JobStatus.SUCCEEDED
    return job_id


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    (tmp_path / "attempt").mkdir()
    return WorkDir(tmp_path / "attempt")


def naming(**sections: Any) -> JobSpec:
    return JobSpec.model_validate({**TINY, **sections})


def started_from(job_id: str) -> JobSpec:
    return naming(pretrained={"weights": job_id, "head": "new"})


def stored_file(bench: Bench, tmp_path: Path, job_id: str) -> Path:
    with db.reading(bench.engine) as connection:
        artifact = queries.get_artifact(connection, job_id, MODEL_FILE)
    return tmp_path / "storage" / artifact.storage_key


def test_the_trainer_finds_the_models_that_its_spec_names_in_its_inputs(
    bench: Bench, source: str
) -> None:
    job_id = bench.submit(naming(pretrained={"weights": source}, distillation={"teacher": source}))

    bench.run(trainer=bench.script(SHOWS_INPUTS))

    assert bench.job(job_id).status is JobStatus.SUCCEEDED
    assert json.loads(bench.log(job_id)) == {f"{source}.safetensors": MODEL.decode()}


def test_a_job_that_names_none_has_no_inputs(bench: Bench) -> None:
    job_id = bench.submit()

    bench.run(trainer=bench.script(SHOWS_INPUTS))

    assert json.loads(bench.log(job_id)) is None


def test_each_source_is_fetched_under_its_jobs_id(bench: Bench, source: str, work: WorkDir) -> None:
    other = bench.submit()
    bench.run(trainer=bench.script(FINISHES.replace("the weights", "other weights")))
    bench.submit(naming(pretrained={"weights": source}, distillation={"teacher": other}))

    staging.fetch_sources(bench.storage, bench.claim(), work)

    fetched = {path.name: path.read_bytes() for path in work.inputs.iterdir()}
    assert fetched == {
        f"{source}.safetensors": MODEL,
        f"{other}.safetensors": b"other weights of a job",
    }


def test_a_stored_model_that_was_changed_is_not_used(
    bench: Bench, source: str, work: WorkDir, tmp_path: Path
) -> None:
    stored_file(bench, tmp_path, source).write_bytes(MODEL.replace(b"job", b"JOB"))
    bench.submit(started_from(source))

    digest = hashlib.sha256(MODEL).hexdigest()
    with pytest.raises(ObjectMissing, match=f"has another SHA-256 than {digest}"):
        staging.fetch_sources(bench.storage, bench.claim(), work)


def test_a_job_whose_sources_file_is_gone_waits_for_another_attempt(
    bench: Bench, source: str, tmp_path: Path
) -> None:
    stored_file(bench, tmp_path, source).unlink()
    job_id = bench.submit(started_from(source))

    bench.run(trainer=bench.script("print('began')\nsay('finished', step=1, result={})"))

    job = bench.job(job_id)
    assert (job.status, job.lost_attempts) == (JobStatus.QUEUED, 1)
    assert bench.log(job_id) == ""  # the trainer was not started


def test_a_job_whose_source_was_deleted_fails_with_the_field_and_the_remedy(
    bench: Bench, source: str
) -> None:
    job_id = bench.submit(started_from(source))
    # Not by wishes.delete, which refuses while a job waits for the model.
    bench.write(lambda connection: connection.execute(sa.delete(jobs).where(jobs.c.id == source)))

    bench.run(trainer=bench.script("say('finished', step=1, result={})"))

    job = bench.job(job_id)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureClass.USER_ERROR)
    assert job.failure_message == (
        f"pretrained.weights: job {source} has been deleted; submit with another one"
    )


def test_a_worker_that_is_to_leave_fetches_no_longer(
    bench: Bench, source: str, tmp_path: Path
) -> None:
    job_id = bench.submit(started_from(source))
    (tmp_path / "storage" / "jobs").rename(tmp_path / "away")
    (tmp_path / "storage" / "jobs").touch()
    bench.settings.storage_patience_seconds = 10.0
    bench.draining.shut_down()

    bench.run(trainer=bench.script("print('began')\nsay('finished', step=1, result={})"))

    with db.reading(bench.engine) as connection:
        [attempt] = queries.list_attempts(connection, job_id)
    assert (attempt.outcome, attempt.message) == (AttemptOutcome.RELEASED, SHUT_DOWN)
    assert bench.job(job_id).status is JobStatus.QUEUED
    assert bench.log(job_id) == ""


def test_a_sweep_kills_marked_processes_of_dead_supervisors_only(tmp_path: Path) -> None:
    for name in ("dead", "alive", "dead-too"):
        (tmp_path / name).mkdir()
        (tmp_path / name / staging.LOCK_FILE).touch()
    (tmp_path / "dead-too" / staging.LOCK_FILE).unlink()
    processes = {
        path: subprocess.Popen(["sleep", "3600"], env={MARKER: path})
        for path in (*(str(tmp_path / n) for n in ("dead", "alive", "dead-too")), "/elsewhere/x")
    }
    dead, alive, dead_too, elsewhere = processes.values()
    try:
        with (tmp_path / "alive" / staging.LOCK_FILE).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            staging.sweep(tmp_path)
        assert dead.wait(10) == dead_too.wait(10) == -signal.SIGKILL
        assert (alive.poll(), elsewhere.poll()) == (None, None)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def test_a_sweep_between_a_directory_and_its_lock_does_not_take_it(tmp_path: Path) -> None:
    # fails if the supervisor goes on in a directory that was removed before it had the lock
    swept = []

    def sweep_once(_frame: object, event: str, called: object) -> None:
        if event == "c_call" and called is fcntl.flock and not swept:
            swept.append(None)  # before: the sweep locks, too
            swept.append(staging.sweep(tmp_path))

    sys.setprofile(sweep_once)
    try:
        with staging.work_directory(tmp_path, "attempt") as work:
            sys.setprofile(None)
            assert swept == [None, 1]
            assert work.output.is_dir()
            assert staging.sweep(tmp_path) == 0
    finally:
        sys.setprofile(None)
    assert list(tmp_path.iterdir()) == []
