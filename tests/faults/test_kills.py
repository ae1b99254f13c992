"""kill -9 of each process in the middle of a job: it succeeds, and the weights are the same."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs import db, queries, submission
from jobs.records import Job
from jobs.states import AttemptOutcome, JobStatus
from netaug_core.spec import JobSpec
from tests.servers import Redis
from tests.small_network import SMALL_MODEL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TENANT = "default"
LONG_SECONDS = 300.0
SPEC = {
    "name": "tiny",
    "model": SMALL_MODEL,
    "data": {"dataset": "digits", "batch_size": 128, "crop": "padded"},
    "augment": {
        "width_multipliers": [1.0, 1.5],
        "expand_multipliers": [1.0, 1.5],
        "calibration_images": 128,
    },
    "training": {"epochs": 4, "learning_rate": 0.01, "checkpoint_interval_seconds": 0.0},
    "resources": {"max_attempts": 5},
}


class Platform:
    """A real dispatcher and a real worker, on Postgres and Redis."""

    def __init__(self, database_url: str, redis_url: str, directory: Path) -> None:
        self.engine = db.create_engine(database_url)
        self._directory = directory
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("NETAUG_")},
            "NETAUG_DATABASE_URL": database_url,
            "NETAUG_BROKER_URL": redis_url,
            "NETAUG_STORAGE_URL": f"file://{directory}/storage",
            "NETAUG_WORK_DIR": f"{directory}/work",
            "NETAUG_LEASE_SECONDS": "3",
            "NETAUG_HEARTBEAT_SECONDS": "0.2",
            "NETAUG_DISPATCH_SECONDS": "0.3",
            "NETAUG_TRAINER_THREADS": "1",
        }
        self.running: list[subprocess.Popen[bytes]] = []
        self.dispatcher = self.start("worker.dispatcher")
        self.worker = self.start("worker")

    def start(self, module: str) -> "subprocess.Popen[bytes]":
        with (self._directory / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module], env=self._environment, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def submit(self) -> str:
        spec = JobSpec.model_validate(SPEC)
        with db.writing(self.engine) as connection:
            return submission.submit(connection, spec, (), tenant=TENANT).job.id

    def job(self, job_id: str) -> Job:
        with db.reading(self.engine) as connection:
            return queries.get_job(connection, TENANT, job_id)

    def checkpoints(self, job_id: str) -> list[int]:
        with db.reading(self.engine) as connection:
            return [c.step for c in queries.checkpoints(connection, job_id)]

    def outcomes(self, job_id: str) -> list[AttemptOutcome | None]:
        with db.reading(self.engine) as connection:
            return [a.outcome for a in queries.list_attempts(connection, job_id)]

    def weights(self, job_id: str) -> str:
        """The digest of the exported tensors."""
        with db.reading(self.engine) as connection:
            artifact = queries.get_artifact(connection, job_id, "model.safetensors")
        stored = self._directory / "storage" / artifact.storage_key
        assert hashlib.sha256(stored.read_bytes()).hexdigest() == artifact.sha256
        return artifact.sha256

    def trainer(self) -> psutil.Process:
        """The process that trains, below worker and guard."""
        for process in psutil.Process(self.worker.pid).children(recursive=True):
            if "netaug_core" in process.cmdline() and "guard.py" not in str(process.cmdline()):
                return process
        raise LookupError("no trainer runs")

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + LONG_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            process.wait(60)
        self.engine.dispose()


@pytest.fixture
def platform(postgres_url: str, redis_server: Redis, tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(postgres_url, redis_server.url, tmp_path)
    yield platform
    platform.close()


def test_a_job_survives_kill_9_of_trainer_worker_and_dispatcher(platform: Platform) -> None:
    undisturbed = platform.submit()
    platform.until(lambda: platform.job(undisturbed).status.is_final)

    disturbed = platform.submit()
    platform.until(lambda: platform.checkpoints(disturbed))
    family = psutil.Process(platform.worker.pid).children(recursive=True)
    platform.trainer().kill()
    platform.until(lambda: platform.job(disturbed).attempt == 2)
    platform.until(lambda: max(platform.checkpoints(disturbed)) >= 12)
    family += psutil.Process(platform.worker.pid).children(recursive=True)
    platform.worker.send_signal(signal.SIGKILL)
    platform.dispatcher.send_signal(signal.SIGKILL)
    platform.dispatcher = platform.start("worker.dispatcher")
    platform.worker = platform.start("worker")
    platform.until(lambda: platform.job(disturbed).status.is_final)

    assert platform.job(disturbed).status is JobStatus.SUCCEEDED
    lost, done = AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED
    assert platform.outcomes(disturbed) == [lost, lost, done]
    assert platform.weights(disturbed) == platform.weights(undisturbed)
    assert psutil.wait_procs(family, timeout=10)[1] == []
