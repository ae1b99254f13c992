"""Attempts that end in every way, with real trainer processes, on Postgres and on SQLite."""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from jobs import db, endings, processes, queries, wishes
from jobs.states import AttemptOutcome, EventType, JobStatus
from jobs.tables import jobs
from netaug_core.errors import FailureClass
from tests.worker.conftest import LEASE_S, TENANT, Bench, tiny_spec
from tests.worker.test_guard import drop_rights
from worker.guard import NAMESPACE, SUBREAPER

Order = Callable[[Callable[[], None]], str]
WAITS = "while not asked(): time.sleep(0.01)\n"
STORED = """
import hashlib
def write(name):
    open(arguments["--out"] + "/" + name, "wb").write(b"abc")
    return {"name": name, "size_bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
def checkpoint(step):
    say("checkpoint", step=step, epoch=1, **write(f"checkpoint-{step}.pt"))
def finish():
    say("artifact", kind="model", media_type="a/b", description="", **write("model.onnx"))
    say("finished", step=9, result={})
"""


def until(condition: threading.Event) -> None:
    assert condition.wait(30)


def attempts_of(bench: Bench, job_id: str) -> list[AttemptOutcome | None]:
    with db.reading(bench.engine) as connection:
        return [a.outcome for a in queries.list_attempts(connection, job_id)]


@pytest.fixture
def store_away(bench: Bench, tmp_path: Path) -> None:
    """Objects cannot be stored, and no attempt has the patience to see the end of it."""
    (tmp_path / "storage" / "jobs").touch()
    bench.settings.storage_patience_seconds = 3600.0


@pytest.fixture
def order(bench: Bench, tmp_path: Path) -> Iterator[Order]:
    """For a trainer's script: the line that has the worker do something now."""
    path = tmp_path / "order"
    os.mkfifo(path)
    threads = []

    def give(act: Callable[[], None]) -> str:
        def obey() -> None:
            path.read_bytes()
            act()

        threads.append(threading.Thread(target=obey))
        threads[0].start()
        return f"open({str(path)!r}, 'w').close()\n"

    yield give
    for thread in threads:
        thread.join(30)


def released(bench: Bench, job_id: str) -> bool:
    job = bench.job(job_id)
    assert attempts_of(bench, job_id) == [AttemptOutcome.RELEASED]
    return (job.status, job.lost_attempts) == (JobStatus.QUEUED, 0)


def test_a_real_training_succeeds_and_every_artifact_has_its_digest(bench: Bench) -> None:
    job_id = bench.submit()
    bench.run()
    job = bench.job(job_id)
    assert (job.status, job.failure_message) == (JobStatus.SUCCEEDED, None)
    assert job.result is not None
    assert 0.0 <= job.result["test_accuracy"] <= 1.0
    with db.reading(bench.engine) as connection:
        artifacts = queries.list_artifacts(connection, job_id)
        points = queries.list_metrics(connection, job_id, keys=("train_loss",), epoch_end=True)
    assert {a.name for a in artifacts} == {
        *("model.safetensors", "model.onnx", "model_card.md", "model_card.json", "metrics.csv"),
    }
    for artifact in artifacts:
        target = bench.settings.work_dir / "download"
        bench.storage.fetch(
            artifact.storage_key, target, size_bytes=artifact.size_bytes, sha256=artifact.sha256
        )
    assert len(points) == 3
    assert list(bench.settings.work_dir.glob("job_*")) == []


def submit_for_two_gpus(bench: Bench) -> str:
    bench.write(processes.report, processes.WORKER, "large", {"gpus": 2})
    return bench.submit(tiny_spec(gpus=2))


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_job_of_two_devices_trains_on_both(bench: Bench) -> None:
    bench.settings.device = "cpu"  # two processes, as on two GPUs
    job_id = submit_for_two_gpus(bench)

    bench.run(bench.claim(gpus=2))

    job = bench.job(job_id)
    assert (job.status, job.failure_message) == (JobStatus.SUCCEEDED, None)
    with db.reading(bench.engine) as connection:
        [attempt] = queries.list_attempts(connection, job_id)
    assert attempt.environment is not None
    assert attempt.environment["num_devices"] == 2


def test_cancel_ends_all_devices(bench: Bench) -> None:
    bench.settings.device = "cpu"
    job_id = submit_for_two_gpus(bench)
    claim = bench.claim(gpus=2)
    bench.write(wishes.cancel, TENANT, job_id)

    bench.run(claim)

    assert bench.job(job_id).status is JobStatus.CANCELLED
    assert not [p for p in psutil.process_iter(["cmdline"]) if job_id in str(p.info["cmdline"])]


def test_a_trainer_that_says_it_failed_fails_its_job_with_that_class(bench: Bench) -> None:
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "print('about to fail')\nsay('failed', failure='diverged', message='NaN at step 3')\n"
            "sys.exit(66)"
        )
    )
    job = bench.job(job_id)
    assert (job.status, job.failure, job.failure_message) == (
        *(JobStatus.FAILED, FailureClass.DIVERGED),
        "NaN at step 3",
    )
    assert "about to fail" in bench.log(job_id)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(1)"])
def test_a_trainer_that_dies_without_a_word_is_lost_and_its_job_queued_again(
    bench: Bench, end: str
) -> None:
    job_id = bench.submit()
    bench.run(trainer=bench.script(end))
    assert bench.job(job_id).status is JobStatus.QUEUED
    assert attempts_of(bench, job_id) == [AttemptOutcome.LOST]


def test_a_poison_job_ends_at_its_last_attempt(bench: Bench) -> None:
    job_id = bench.submit(tiny_spec(max_attempts=1))
    bench.run(trainer=bench.script("os.abort()"))
    job = bench.job(job_id)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureClass.INFRA_LOST)
    assert "SIGABRT" in (job.failure_message or "")


def test_an_exit_code_that_the_spec_lists_is_retried(bench: Bench) -> None:
    job_id = bench.submit(tiny_spec(retry_exit_codes=[66]))
    bench.run(trainer=bench.script("say('failed', failure='diverged', message='x')\nsys.exit(66)"))
    assert bench.job(job_id).status is JobStatus.QUEUED


def test_a_trainer_that_says_success_without_files_does_not_succeed(bench: Bench) -> None:
    job_id = bench.submit(tiny_spec(max_attempts=1))
    digest = "0" * 64
    bench.run(
        trainer=bench.script(
            "say('artifact', name='model.onnx', kind='model', media_type='a/b', description='',"
            f" size_bytes=3, sha256='{digest}')\nsay('finished', step=1, result={{}})"
        )
    )
    job = bench.job(job_id)
    assert job.status is JobStatus.FAILED
    assert "model.onnx" in (job.failure_message or "")


def test_an_artifact_that_is_a_link_out_of_the_directory_is_refused(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    job_id = bench.submit(tiny_spec(max_attempts=1))
    bench.run(
        trainer=bench.script(
            f"os.symlink({str(tmp_path / 'secret')!r}, arguments['--out'] + '/model.onnx')\n"
            "say('artifact', name='model.onnx', kind='model', media_type='a/b', description='',"
            " size_bytes=7, sha256='f' * 64)\nsay('finished', step=1, result={})"
        )
    )
    assert bench.job(job_id).status is JobStatus.FAILED
    assert list(bench.storage.keys("jobs")) == []


def test_cancel_ends_a_running_job_and_all_its_processes(bench: Bench) -> None:
    job_id = bench.submit()
    claim = bench.claim()
    bench.write(wishes.cancel, TENANT, job_id)
    seconds = f"3605.{uuid.uuid4().int}"  # tells this process from those of tests beside it
    bench.run(
        claim,
        trainer=bench.script(
            f"subprocess.Popen(['sleep', '{seconds}'], start_new_session=True)\n"
            + WAITS
            + "say('left', step=1)\nsys.exit(75)"
        ),
    )
    assert bench.job(job_id).status is JobStatus.CANCELLED
    assert attempts_of(bench, job_id) == [AttemptOutcome.CANCELLED]
    assert [
        p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", seconds]
    ] == []


def test_a_trainer_that_ignores_its_flag_and_sigterm_is_killed(bench: Bench) -> None:
    job_id = bench.submit()
    claim = bench.claim()
    bench.write(wishes.cancel, TENANT, job_id)
    bench.run(
        claim,
        trainer=bench.script("signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(3600)"),
    )
    assert bench.job(job_id).status is JobStatus.CANCELLED


def test_stop_is_passed_on_and_the_result_counts(bench: Bench) -> None:
    job_id = bench.submit()
    claim = bench.claim()
    bench.write(wishes.stop, TENANT, job_id)
    bench.run(
        claim,
        trainer=bench.script(
            WAITS + "say('finished', step=1, result={'control': asked(), 'test_accuracy': 0.5})"
        ),
    )
    job = bench.job(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert job.result == {"control": "stop", "test_accuracy": 0.5}


FULL_DISK = """
os.symlink("/dev/full", arguments["--control"] + ".new")
say("progress", step=1, total_steps=2, epoch=1, total_epochs=1)
"""


@pytest.mark.parametrize(
    ("wish", "rest", "outcome"),
    [
        (wishes.cancel, "time.sleep(3600)", AttemptOutcome.CANCELLED),
        (
            wishes.stop,
            "time.sleep(1)\nos.unlink(arguments['--control'] + '.new')\n"
            + WAITS
            + "say('finished', step=1, result={'test_accuracy': 0.5})",
            AttemptOutcome.SUCCEEDED,
        ),
    ],
)
def test_a_wish_counts_also_while_the_disk_is_full(
    bench: Bench, wish: Callable[..., object], rest: str, outcome: AttemptOutcome
) -> None:
    # fails if a flag that cannot be written ends the attempt as lost
    job_id = bench.submit()
    trainer = bench.script(FULL_DISK + rest)
    thread = threading.Thread(target=bench.run, args=(bench.claim(),), kwargs={"trainer": trainer})
    thread.start()
    while bench.job(job_id).progress is None:
        assert thread.is_alive()
    bench.write(wish, TENANT, job_id)
    thread.join(60)
    assert attempts_of(bench, job_id) == [outcome]


STARTED = """
data = dict(name="d", digest="0" * 64, num_classes=2, num_train=1, num_validation=1, num_test=1)
say("started", from_step=0, total_steps=1, total_epochs=1, dataset=data, environment={"threads": 1})
say("failed", failure="bad_data", message="enough")
"""


@pytest.mark.parametrize("isolation", [NAMESPACE, SUBREAPER])
def test_the_attempt_s_row_says_how_it_was_held_together(bench: Bench, isolation: str) -> None:
    if isolation == NAMESPACE and os.geteuid() != 0:
        pytest.skip("only root may make a PID namespace")
    job_id = bench.submit()

    def run() -> None:
        drop_rights(isolation)  # of this thread alone
        bench.run(trainer=bench.script(STARTED))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    with db.reading(bench.engine) as connection:
        [attempt] = queries.list_attempts(connection, job_id)
    assert attempt.environment is not None
    assert attempt.environment["isolation"] == isolation


def test_the_time_limit_ends_a_job_as_timeout(bench: Bench) -> None:
    job_id = bench.submit(tiny_spec(time_limit_seconds=10))
    bench.write(lambda connection: connection.execute(sa.update(jobs).values(seconds_used=9.5)))
    bench.run(trainer=bench.script(WAITS + "sys.exit(75)"))
    job = bench.job(job_id)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureClass.TIMEOUT)


def test_a_draining_worker_gives_its_job_back_uncharged(bench: Bench, order: Order) -> None:
    job_id = bench.submit()
    drain = order(bench.draining.set)
    bench.run(trainer=bench.script(drain + WAITS + "say('left', step=1)\nsys.exit(75)"))
    assert released(bench, job_id)


@contextmanager
def leases_expire(bench: Bench) -> Iterator[None]:
    """As where a dispatcher looks for them."""
    over = threading.Event()

    def expire() -> None:
        while not over.wait(0.1):
            bench.write(endings.expire_leases)

    thread = threading.Thread(target=expire)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def test_a_lease_is_renewed_while_a_dead_trainers_pipe_is_still_open(bench: Bench) -> None:
    # fails if the wait for the pipe's end is one wait: the attempt lost its lease meanwhile
    bench.settings.grace_seconds = 2 * LEASE_S
    job_id = bench.submit()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, leases_expire(bench):
        other.bind(f"\0{job_id}")
        bench.run(
            trainer=bench.script(
                "import socket\n"
                "with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mine:\n"
                f"    mine.connect('\\0{job_id}')\n"
                "    socket.send_fds(mine, [b'.'], [events.fileno()])\n"
                "say('finished', step=1, result={'test_accuracy': 1.0})"
            )
        )

    assert bench.job(job_id).status is JobStatus.SUCCEEDED


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("store_away")
def test_a_drain_waits_no_longer_than_its_grace_for_a_checkpoint_to_be_stored(
    bench: Bench, order: Order
) -> None:
    # fails if the store gets all its patience: the worker was killed before it gave the job back
    job_id = bench.submit()
    drain = order(bench.draining.set)
    leaves = "checkpoint(5)\nsay('left', step=5)\nsys.exit(75)"

    bench.run(trainer=bench.script(STORED + drain + WAITS + leaves))

    assert released(bench, job_id)
    assert bench.claim().checkpoints == []


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("store_away")
def test_a_drain_waits_no_longer_than_its_grace_for_a_result_to_be_stored(
    bench: Bench, order: Order
) -> None:
    job_id = bench.submit()
    drain = order(bench.draining.set)

    bench.run(trainer=bench.script(STORED + "finish()\n" + drain))

    assert released(bench, job_id)


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("store_away")
def test_a_worker_that_leaves_in_haste_waits_for_no_upload(bench: Bench, order: Order) -> None:
    bench.settings.grace_seconds = 3600.0
    job_id = bench.submit()
    hurry = order(bench.draining.hurry)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"

    bench.run(trainer=bench.script(STORED + deaf + "checkpoint(5)\nfinish()\n" + hurry))

    assert released(bench, job_id)


def test_an_attempt_given_up_for_dead_stops_its_trainer_and_writes_nothing(bench: Bench) -> None:
    job_id = bench.submit()
    claim = bench.claim()
    bench.write(lambda c: c.execute(sa.update(jobs).values(lease_until=jobs.c.created_at)))
    bench.write(endings.expire_leases)
    second = bench.claim()
    bench.run(claim, trainer=bench.script("print('stale')\ntime.sleep(3600)"))
    job = bench.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.RUNNING, second.job.attempt)
    assert bench.log(job_id) == ""


def test_lines_that_are_no_events_are_left_out_and_the_job_goes_on(bench: Bench) -> None:
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "events.write('not json\\n' + 'x' * 300_000 + '\\n' + '{\"type\": \"root\"}\\n')\n"
            "events.flush()\nsay('finished', step=1, result={'test_accuracy': 1.0})"
        )
    )
    assert bench.job(job_id).status is JobStatus.SUCCEEDED


def test_a_log_flood_is_capped_and_says_so(bench: Bench) -> None:
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "sys.stdout.write('\\0é' * 1_000_000)\nsys.stdout.flush()\n"
            "say('finished', step=1, result={'test_accuracy': 1.0})"
        )
    )
    log = bench.log(job_id)
    assert bench.job(job_id).status is JobStatus.SUCCEEDED
    assert len(log.encode()) < bench.settings.log_cap_bytes * 2 + 200
    assert log.endswith("[the log ends here: this job has used up its size of log]\n")


def test_metrics_and_checkpoints_arrive_with_their_attempt(bench: Bench) -> None:
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "import hashlib\n"
            "open(arguments['--out'] + '/checkpoint-5.pt', 'wb').write(b'abc')\n"
            "say('metrics', step=5, epoch=1, epoch_end=True, values={'train_loss': 0.25})\n"
            "say('checkpoint', name='checkpoint-5.pt', step=5, epoch=1, size_bytes=3,"
            " sha256=hashlib.sha256(b'abc').hexdigest())\n"
            "time.sleep(0.5)\nos.abort()"
        )
    )
    claim = bench.claim()
    assert [(c.step, c.attempt) for c in claim.checkpoints] == [(5, 1)]
    with db.reading(bench.engine) as connection:
        [point] = queries.list_metrics(connection, job_id)
        [event] = queries.list_events(connection, job_id, only=EventType.METRIC)
    assert (point.key, point.step, point.value) == ("train_loss", 5, 0.25)
    assert event.data["values"] == {"train_loss": 0.25}


def test_the_trainer_knows_no_address_and_no_credential(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETAUG_DATABASE_URL", "postgresql://canary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    job_id = bench.submit()
    bench.run(
        trainer=bench.script(
            "print(json.dumps(dict(os.environ)), sys.argv)\n"
            "say('finished', step=1, result={'test_accuracy': 1.0})"
        )
    )
    assert "canary" not in bench.log(job_id)
    assert "netaug.db" not in bench.log(job_id)


def test_a_database_that_is_away_when_the_trainer_starts_is_asked_again(bench: Bench) -> None:
    # fails if the size of the log is read once: the trainer was left to its guard
    failed: list[str] = []

    def be_away_once(*arguments: object) -> None:
        statement = str(arguments[2])
        if "length(" in statement and not failed:
            failed.append(statement)
            raise sa.exc.OperationalError(statement, None, ConnectionResetError("away"))

    sa.event.listen(bench.engine, "before_cursor_execute", be_away_once)
    job_id = bench.submit()
    bench.run(trainer=bench.script("say('failed', failure='bad_data', message='no data')"))

    assert failed
    assert bench.job(job_id).failure_message == "no data"


def test_a_worker_without_a_work_directory_says_why_the_attempt_is_lost(bench: Bench) -> None:
    # fails if nothing is written: the job ran on paper, until its lease was over
    job_id = bench.submit(tiny_spec(max_attempts=1))
    bench.settings.work_dir.touch()

    bench.run()

    job = bench.job(job_id)
    assert (job.status, job.failure) == (JobStatus.FAILED, FailureClass.INFRA_LOST)
    assert "NETAUG_WORK_DIR" in (job.failure_message or "")
    assert "Not a directory" in (job.failure_message or "")
