"""A whole installation for fault tests: real processes on Postgres and Redis, with short times."""

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from jobs import db, keys, queries, submission
from jobs.keys import Scope
from jobs.records import Attempt, Job
from jobs.states import JobStatus
from jobs.tables import jobs
from netaug_core.spec import JobSpec
from tests.faults.chain_trainer import STEP_MS
from tests.servers import free_port
from worker.burial import MARKER
from worker.trainer_process import SPEC_FILE

TENANT = "default"
LEASE_S = 1.5
PATIENCE_S = 120.0  # beyond it a test fails; what is waited for comes in a second or two
STOP_S = 60.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


def chain_spec(*, seed: int = 0, epochs: int = 2, step_ms: float = 20, **resources: Any) -> Any:
    """A spec that the scripted trainer runs: ten steps an epoch."""
    return {
        "name": "chain",
        "tags": [f"{STEP_MS}{step_ms}"],
        "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 28},
        "data": {"dataset": "digits", "batch_size": 256, "crop": "none"},
        "training": {"epochs": epochs, "seed": seed},
        "resources": {"max_attempts": 10, **resources},
    }


class Installation:
    """Starts nothing by itself: a test starts the processes that its fault needs."""

    def __init__(self, database_url: str, redis_url: str, directory: Path) -> None:
        self.database_url = database_url
        self.directory = directory
        self.witness = directory / "witness"
        self.witness.mkdir()
        self.engine = db.create_engine(database_url)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("NETAUG_")},
            "NETAUG_DATABASE_URL": database_url,
            "NETAUG_BROKER_URL": redis_url,
            "NETAUG_STORAGE_URL": f"file://{directory}/storage",
            "NETAUG_WORK_DIR": f"{directory}/work",
            "NETAUG_LEASE_SECONDS": str(LEASE_S),
            "NETAUG_HEARTBEAT_SECONDS": "0.2",
            "NETAUG_DISPATCH_SECONDS": "0.2",
            "NETAUG_GRACE_SECONDS": "2",
            "NETAUG_DEVICE": "cpu",
            "NETAUG_TRAINER_THREADS": "1",
            "NETAUG_WARM_TRAINERS": "false",  # tests say so, whose workers have warm ones
        }
        self.running: list[subprocess.Popen[bytes]] = []
        self.acknowledged: list[str] = []
        self.port = free_port()
        with db.writing(self.engine) as connection:
            new = keys.create(
                connection, tenant=TENANT, name="faults", scopes=frozenset({Scope.ADMIN})
            )
        self._token = new.secret

    @property
    def storage(self) -> Path:
        return self.directory / "storage"

    @property
    def work(self) -> Path:
        return self.directory / "work"

    def start(self, role: str, *options: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a process: worker, dispatcher or api; further variables win."""
        arguments = ["--witness", str(self.witness)] if role == "worker" else []
        if role == "api":
            arguments = ["--port", str(self.port)]
        with (self.directory / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.process", role, *arguments, *options],
                env=self.environment | environment,
                stdout=log,
                stderr=log,
            )
        self.running.append(process)
        return process

    def start_reborn(self, role: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a process that lives again after each death at a failpoint."""
        return self.start(role, "--reborn", "--failpoint", str(self.failpoint), **environment)

    @property
    def failpoint(self) -> Path:
        return self.directory / "failpoint"

    def arm(self, point: str) -> None:
        """Let the next process that gets to this point die there."""
        written = self.failpoint.with_suffix(".new")
        written.write_text(point)
        written.rename(self.failpoint)

    @property
    def has_died(self) -> bool:
        """Whether a process got to the armed point."""
        return not self.failpoint.exists()

    def disarm(self) -> bool:
        """Forget the point; True if somebody died there."""
        died = self.has_died
        self.failpoint.unlink(missing_ok=True)
        return died

    def start_api(self, *options: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start the API and wait until it answers."""
        process = self.start("api", *options, **environment)
        self.until(lambda: self._answers(process), "the API answers")
        return process

    def _answers(self, process: "subprocess.Popen[bytes]") -> bool:
        assert process.poll() is None, self.log("api")
        try:
            return self.call("GET", "/healthz").status == 200
        except OSError:
            return False

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = 30.0,
    ) -> Answer:
        """One request to the API; OSError if it cannot be reached, or the answer is lost."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        sent = self.bearer() | {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, sent | (headers or {}))
            answer = connection.getresponse()
            received = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionResetError(str(error)) from error
        finally:
            connection.close()
        parsed = json.loads(received) if received else {}
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, parsed)

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def text(self, path: str) -> str:
        """A page that is no JSON."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            return str(answer.read().decode())

    def submit(self, spec: Any = None, *, key: str | None = None) -> str:
        """Submit through the API; the id of the acknowledged job."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = self.call("POST", "/v1/jobs", spec or chain_spec(), headers)
        assert answer.status == 202, answer
        return self.acknowledge(answer)

    def submit_directly(self, spec: Any = None) -> str:
        """Submit without an API, as it would."""
        parsed = JobSpec.model_validate(spec or chain_spec())
        with db.writing(self.engine) as connection:
            job_id = submission.submit(connection, parsed, (), tenant=TENANT).job.id
        self.acknowledged.append(job_id)
        return job_id

    def acknowledge(self, answer: Answer) -> str:
        """Hold the platform to this answer: the job must exist, and end."""
        job_id = str(answer.body["id"])
        if job_id not in self.acknowledged:
            self.acknowledged.append(job_id)
        return job_id

    def job(self, job_id: str) -> Job:
        with db.reading(self.engine) as connection:
            return queries.get_job(connection, TENANT, job_id)

    def attempts(self, job_id: str) -> list[Attempt]:
        with db.reading(self.engine) as connection:
            return queries.list_attempts(connection, job_id)

    def checkpointed(self, job_id: str) -> int:
        """The newest step that a checkpoint holds; 0 without one."""
        with db.reading(self.engine) as connection:
            return max((c.step for c in queries.checkpoints(connection, job_id)), default=0)

    def is_final(self, job_id: str) -> bool:
        """Whoever's job it is."""
        with db.reading(self.engine) as connection:
            status = connection.execute(sa.select(jobs.c.status).where(jobs.c.id == job_id))
            return JobStatus(status.scalar_one()).is_final

    def until_final(self, *job_ids: str) -> None:
        for job_id in job_ids:
            self.until(lambda job_id=job_id: self.is_final(job_id), f"job {job_id} ends")

    def until(self, condition: Callable[[], Any], what: str = "it happens") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"not in {PATIENCE_S:.0f} s: {what}"
            time.sleep(0.02)

    def trainers(self, worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
        """The scripted trainers below a worker that train, without their guards."""
        found = []
        for process in psutil.Process(worker.pid).children(recursive=True):
            try:
                command, attempt = process.cmdline(), process.environ().get(MARKER, "")
            except psutil.Error:
                continue
            is_guard = any("guard.py" in part for part in command)
            if "--witness" in command and not is_guard and (Path(attempt) / SPEC_FILE).exists():
                found.append(process)
        return found

    def family(self, worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
        """A worker's guards and trainers, and whatever they have started."""
        return psutil.Process(worker.pid).children(recursive=True)

    def wish(self, verb: Callable[[sa.Connection, str, str], Job], job_id: str) -> Job:
        """Ask for something as the API would: `installation.wish(wishes.cancel, job_id)`."""
        with db.writing(self.engine) as connection:
            return verb(connection, TENANT, job_id)

    def log(self, role: str) -> str:
        return (self.directory / f"{role}.log").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """Ask every process to end, and wait until it has."""
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            process.wait(STOP_S)
        self.running.clear()

    def kill(self) -> None:
        """End every process at once."""
        for process in self.running:
            process.kill()
            process.wait()
        self.engine.dispose()

    def open_connections(self) -> int:
        """How many connections to the database are open, beside the test's own."""
        self.engine.dispose()
        with self.engine.connect() as connection:
            return int(
                connection.execute(
                    sa.text(
                        "SELECT count(*) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                ).scalar_one()
            )
