"""Jobs that kill, flood, fill or eat: each ends in its failure class, and the next job runs.

Real processes on Postgres; the trainers are scripts but where the training itself is the poison.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from jobs.records import Job
from jobs.states import JobStatus
from jobs.tables import jobs
from netaug_core.errors import FailureClass
from netaug_core.spec import JobSpec
from tests.worker.conftest import PREAMBLE, TINY, Bench, settings, tiny_spec
from worker.trainer_process import TRAINER

__all__ = ["settings"]  # a fixture

MIB = 1 << 20
FINE = "say('finished', step=1, result={'test_accuracy': 1.0})\n"


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def bench(engine: sa.Engine, settings: Any, tmp_path: Path) -> Iterator[Bench]:
    """A worker that must run the next job, whatever the one before it did."""
    bench = Bench(engine, settings, tmp_path)
    yield bench
    assert is_clean(bench)
    job_id = bench.submit()
    bench.run(trainer=bench.script(FINE))
    assert bench.job(job_id).status is JobStatus.SUCCEEDED


def is_clean(bench: Bench) -> bool:
    """No process of an attempt is left; the servers of the tests are children, too."""
    mark = str(bench.settings.work_dir)
    return not [p for p in psutil.Process().children(recursive=True) if mark in str(p.cmdline())]


def end_of(bench: Bench, script: str, **resources: Any) -> Job:
    job_id = bench.submit(tiny_spec(max_attempts=1, **resources))
    bench.run(trainer=bench.script("print('the last words', flush=True)\n" + script))
    assert "the last words" in bench.log(job_id)
    return bench.job(job_id)


def failed_as(job: Job, failure: FailureClass, *words: str) -> bool:
    message = job.failure_message or ""
    assert (job.status, job.failure) == (JobStatus.FAILED, failure), message
    return all(word in message for word in words)


@pytest.mark.parametrize(
    ("end", "word"),
    [("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"), ("os._exit(9)", "code 9")],
)
def test_a_job_that_kills_its_trainer_fails_after_its_attempts(
    bench: Bench, end: str, word: str
) -> None:
    job_id = bench.submit(tiny_spec(max_attempts=2))
    for _ in range(2):
        assert not bench.job(job_id).status.is_final
        bench.run(trainer=bench.script(end))
    assert failed_as(bench.job(job_id), FailureClass.INFRA_LOST, word)


def test_a_job_that_forks_without_end_fails_at_the_limit_of_processes(bench: Bench) -> None:
    bench.settings.trainer_processes = 50
    bomb = "while True:\n    try: os.fork()\n    except OSError: pass\n"
    assert failed_as(
        end_of(bench, bomb), FailureClass.USER_ERROR, "50 here", "NETAUG_TRAINER_PROCESSES"
    )


def test_a_job_that_loops_for_ever_ends_at_its_time_limit(bench: Bench) -> None:
    bench.settings.grace_seconds = 0.5
    job_id = bench.submit(tiny_spec(max_attempts=1, time_limit_seconds=10))
    bench.write(lambda c: c.execute(sa.update(jobs).values(seconds_used=9.0)))
    bench.run(
        trainer=bench.script("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass")
    )
    assert failed_as(bench.job(job_id), FailureClass.TIMEOUT, "time_limit_seconds (10)")


def test_a_gigabyte_line_takes_no_memory_and_the_job_goes_on(bench: Bench) -> None:
    before = psutil.Process().memory_info().rss
    line = f"for _ in range(1024): os.write(1, b'x' * {MIB})\n"
    job = end_of(bench, line + FINE)
    assert job.status is JobStatus.SUCCEEDED
    assert psutil.Process().memory_info().rss - before < 64 * MIB


def test_a_job_that_writes_too_much_fails_for_want_of_space(bench: Bench) -> None:
    bench.settings.trainer_disk_bytes = 8 * MIB
    writes = (
        f"for n in range(100): open(arguments['--out'] + f'/{{n}}', 'wb').write(b'x' * {MIB})\n"
        "time.sleep(3600)"
    )
    assert failed_as(end_of(bench, writes), FailureClass.USER_ERROR, "no_space", "DISK_BYTES")


@pytest.fixture
def small_disk(settings: Any) -> Iterator[None]:
    """The work directory on a disk of one MiB."""
    settings.work_dir.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "netaug", str(settings.work_dir)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        if os.geteuid() == 0 and os.environ.get("CI"):
            raise OSError(mounted.stderr)
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.strip()}")
    yield
    subprocess.run(["umount", str(settings.work_dir)], check=True)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_told_and_the_last_checkpoint_is_whole(bench: Bench) -> None:
    """The trainer's own way of writing checkpoints, and of telling what went wrong."""
    script = (
        "import hashlib, pathlib\n"
        "from netaug_core import failures\n"
        "from netaug_core.training.checkpoint import write_atomically\n"
        "target = pathlib.Path(arguments['--out']) / 'checkpoint-1.pt'\n"
        "write_atomically(target, b'whole')\n"
        "try: write_atomically(target, bytes(2 << 20))\n"
        "except OSError as error:\n"
        "    failed, code = failures.classify(error)\n"
        "    print(os.listdir(target.parent), target.read_bytes(), flush=True)\n"
        "    say(**failed.model_dump(mode='json'))\n"
        "    sys.exit(code)\n"
    )
    job = end_of(bench, script)
    assert failed_as(job, FailureClass.INFRA_LOST, "no_space")
    assert "['checkpoint-1.pt'] b'whole'" in bench.log(job.id)


@pytest.mark.parametrize(
    ("eats", "word"),
    [
        # Bit by bit: the guard sees it. All at once: the kernel refuses.
        ("held = []\nwhile True: held.append(b'x' * 1_000_000); time.sleep(0.005)", "MEMORY_BYTES"),
        ("try: bytes(1 << 33)\nexcept MemoryError as error:\n"
         "    from netaug_core import failures\n"
         "    failed, code = failures.classify(error)\n"
         "    say(**failed.model_dump(mode='json'))\n    sys.exit(code)", "batch_size"),
    ],
)  # fmt: skip
def test_a_job_that_eats_the_memory_fails_as_out_of_memory(
    bench: Bench, eats: str, word: str
) -> None:
    bench.settings.device = "cpu"
    bench.settings.trainer_memory_bytes = 256 * MIB
    assert failed_as(end_of(bench, eats), FailureClass.OUT_OF_MEMORY, word)


def test_a_training_to_nan_fails_as_diverged(bench: Bench) -> None:
    training = {**TINY["training"], "learning_rate": 100.0, "weight_decay": 1.0, "epochs": 9}
    spec = JobSpec.model_validate({**TINY, "training": training, "resources": {"max_attempts": 1}})
    job_id = bench.submit(spec)
    bench.run(trainer=TRAINER)
    assert failed_as(bench.job(job_id), FailureClass.DIVERGED, "learning_rate")


def test_no_process_of_a_trainer_knows_the_database_or_a_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "NETAUG_DATABASE_URL": "postgresql://canary",
        "NETAUG_S3_SECRET_KEY": "canary",
        "AWS_SECRET_ACCESS_KEY": "canary",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    assert "canary" not in PREAMBLE
    # In its namespace 1 is the keeper, which the guard forked.
    job = end_of(
        bench,
        "for pid in {os.getpid(), os.getppid()}:\n"
        "    print(open(f'/proc/{pid}/environ').read(), open(f'/proc/{pid}/cmdline').read())\n"
        + FINE,
    )
    log = bench.log(job.id)
    assert "NETAUG_ATTEMPT" in log
    assert "canary" not in log
    assert bench.settings.database_url.get_secret_value() not in log
