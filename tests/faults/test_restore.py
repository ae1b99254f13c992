"""A backup under load, restored into a fresh database and store: the jobs go on there."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.states import AttemptOutcome, JobStatus
from tests.faults import invariants
from tests.faults.installation import Installation, chain_spec
from tests.servers import Postgres, Redis


@pytest.fixture
def fresh(postgres: Postgres, own_redis: Redis, tmp_path: Path) -> Iterator[Installation]:
    """Another installation, with an empty database."""
    name = f"fresh_{uuid.uuid4().hex}"
    url = postgres.create_database(name)
    (tmp_path / "fresh").mkdir()
    command(tmp_path, url, "migrate")
    installed = Installation(url, own_redis.url, tmp_path / "fresh")
    installed.engine.dispose()
    postgres.drop_database(name)
    postgres.create_database(name)
    try:
        with invariants.checked(installed):
            yield installed
    finally:
        postgres.drop_database(name)


def command(directory: Path, database_url: str, *arguments: str) -> str:
    """What `python -m jobs ...` printed; it must succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", "jobs", *arguments],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "NETAUG_DATABASE_URL": database_url,
            "NETAUG_STORAGE_URL": f"file://{directory}/storage",
        },
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_restored_installation_finishes_every_job(
    installation: Installation, fresh: Installation, tmp_path: Path
) -> None:
    installation.start_api()
    installation.start("dispatcher")
    installation.start("worker")
    done = installation.submit()
    installation.until_final(done)
    running = installation.submit(chain_spec(seed=1, epochs=40, step_ms=50))
    queued = installation.submit(chain_spec(seed=2))
    installation.until(lambda: installation.checkpointed(running), "a checkpoint is stored")

    ended = threading.Event()
    submitting = threading.Thread(target=lambda: submit_until(installation, ended))
    submitting.start()
    told = command(tmp_path, installation.database_url, "backup", str(tmp_path / "backup"))
    ended.set()
    submitting.join()
    assert "0 problems" in told
    for job_id in installation.acknowledged:  # the disaster is yet to come for them
        installation.call("POST", f"/v1/jobs/{job_id}/cancel")
    installation.until_final(*installation.acknowledged)
    installation.stop()

    command(fresh.directory, fresh.database_url, "restore", str(tmp_path / "backup"))
    assert "0 problems" in command(fresh.directory, fresh.database_url, "verify-storage")
    assert fresh.job(running).status is JobStatus.RUNNING
    fresh.acknowledged += [done, running, queued]
    fresh.start("dispatcher")
    fresh.start("worker")
    fresh.until(lambda: fresh.attempts(running)[0].outcome, "the lost attempt is found")
    assert fresh.attempts(running)[0].outcome is AttemptOutcome.LOST
    fresh.until_final(done, running, queued)
    statuses = {fresh.job(job_id).status for job_id in (done, running, queued)}
    assert statuses == {JobStatus.SUCCEEDED}
    assert fresh.attempts(running)[-1].from_step


def submit_until(installation: Installation, ended: threading.Event) -> None:
    while not ended.wait(0.05):
        installation.submit(chain_spec(seed=3))
