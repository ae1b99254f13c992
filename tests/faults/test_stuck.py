"""A process that SIGKILL does not end: it may hold a GPU, so its worker takes no job."""

from pathlib import Path

import pytest

from jobs import db, processes, wishes
from jobs.states import JobStatus
from tests.faults.installation import Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SLEEPS = "import time; time.sleep(600)"  # the grandchild of chain_trainer.py


def stuck(installation: Installation) -> list[object]:
    """The processes that workers tell as stuck."""
    with db.reading(installation.engine) as connection:
        found = processes.live(connection, processes.WORKER)
    return [process["pid"] for worker in found for process in worker.facts["stuck"]]


def test_a_worker_takes_no_job_while_a_process_of_it_does_not_die(
    installation: Installation, freezer: Path
) -> None:
    installation.start("dispatcher")
    worker = installation.start("worker", NETAUG_LEASE_SECONDS="60")
    first = installation.submit_directly(
        chain_spec(epochs=1000) | {"tags": ["step_ms=20", "grandchild"]}
    )
    installation.until(lambda: installation.checkpointed(first) >= 1, "a checkpoint is stored")
    [grandchild] = [p for p in installation.family(worker) if SLEEPS in p.cmdline()]
    (freezer / "cgroup.procs").write_text(str(grandchild.pid))
    (freezer / "freezer.state").write_text("FROZEN")
    installation.wish(wishes.cancel, first)
    installation.until(lambda: grandchild.pid in stuck(installation), "it is told as stuck")

    second = installation.submit_directly(chain_spec())
    installation.until(lambda: "claims_nothing" in installation.log("worker"), "a bell is heard")
    job = installation.job(second)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)

    (freezer / "freezer.state").write_text("THAWED")
    installation.until_final(second)
    assert installation.job(second).status is JobStatus.SUCCEEDED
    installation.until(lambda: not stuck(installation), "it is told as gone")
