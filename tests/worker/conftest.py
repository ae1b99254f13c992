"""A platform with short times, and trainers that misbehave: real processes all of them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from jobs import db, lifecycle, queries, submission
from jobs.lifecycle import Claim
from jobs.records import Job
from jobs.settings import Settings
from jobs.storage import Storage
from netaug_core.spec import JobSpec
from tests.small_network import SMALL_MODEL
from worker import supervisor
from worker.draining import Draining
from worker.supervisor import Platform
from worker.trainer_process import TRAINER, boottime
from worker.trainers import WarmTrainers

TENANT = "default"
LEASE_S = 3.0
TINY: dict[str, Any] = {
    "name": "tiny",
    "model": SMALL_MODEL,
    "data": {"dataset": "digits", "batch_size": 256, "crop": "none"},
    "augment": {
        "width_multipliers": [1.0, 1.5],
        "expand_multipliers": [1.0, 1.5],
        "calibration_images": 256,
    },
    "training": {"epochs": 3, "learning_rate": 0.02, "checkpoint_interval_seconds": 0.0},
}

# What every scripted trainer starts with: its events, and the arguments it was given.
PREAMBLE = """
import json, os, signal, subprocess, sys, time
arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
events = os.fdopen(int(arguments["--events-fd"]), "w")
def say(type, **fields):
    events.write(json.dumps({"type": type, **fields}) + chr(10))
    events.flush()
def asked():
    return os.path.exists(arguments["--control"]) and open(arguments["--control"]).read()
"""


def tiny_spec(**resources: Any) -> JobSpec:
    return JobSpec.model_validate({**TINY, "resources": resources})


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        broker_url=SecretStr("filesystem://"),
        broker_dir=tmp_path / "broker",
        storage_url=f"file://{tmp_path}/storage",
        work_dir=tmp_path / "work",
        lease_seconds=LEASE_S,
        heartbeat_seconds=0.2,
        grace_seconds=2.0,
        trainer_threads=1,
        log_cap_bytes=4096,
    )


class Bench:
    """Submits jobs and runs attempts in this process, as a worker would."""

    def __init__(self, engine: sa.Engine, settings: Settings, scripts: Path) -> None:
        self.engine = engine
        self.settings = settings
        self.storage = Storage.open(settings)
        self.draining = Draining()
        self._scripts = scripts

    def submit(self, spec: JobSpec | None = None) -> str:
        spec = spec or tiny_spec()
        with db.writing(self.engine) as connection:
            return submission.submit(connection, spec, (), tenant=TENANT).job.id

    def claim(self, *, gpus: int = 0) -> Claim:
        with db.writing(self.engine) as connection:
            claim = lifecycle.claim(
                connection, worker="bench", gpus=gpus, lease_seconds=self.settings.lease_seconds
            )
        assert claim is not None
        return claim

    def script(self, body: str) -> tuple[str, ...]:
        path = self._scripts / "trainer.py"
        path.write_text(PREAMBLE + body)
        return (sys.executable, str(path))

    def run(
        self,
        claim: Claim | None = None,
        *,
        trainer: tuple[str, ...] = TRAINER,
        warm: WarmTrainers | None = None,
    ) -> None:
        platform = Platform(self.engine, self.storage, self.settings, self.draining, trainer, warm)
        supervisor.run(claim or self.claim(), platform, claimed_at=boottime())

    def job(self, job_id: str) -> Job:
        with db.reading(self.engine) as connection:
            return queries.get_job(connection, TENANT, job_id)

    def write(self, act: Callable[..., object], *arguments: object) -> None:
        with db.writing(self.engine) as connection:
            act(connection, *arguments)

    def log(self, job_id: str) -> str:
        with db.reading(self.engine) as connection:
            return queries.log_tail(connection, job_id, chunks=1000)


@pytest.fixture
def bench(engine: sa.Engine, settings: Settings, tmp_path: Path) -> Bench:
    return Bench(engine, settings, tmp_path)
