"""A warm trainer that is told its job while it loads: killed, frozen or cancelled just then."""

import signal
import subprocess

import psutil
import pytest

from jobs import wishes
from jobs.states import JobStatus
from tests.faults.installation import LEASE_S, Installation, chain_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOAD_S = 2 * LEASE_S
GONE_S = 30.0
SOON_S = 10.0


@pytest.fixture
def loading(installation: Installation) -> tuple[str, "subprocess.Popen[bytes]"]:
    """A job, and the worker whose warm trainer has been told of it and does not hear it yet."""
    installation.environment["NETAUG_WARM_TRAINERS"] = "true"
    installation.start("dispatcher")
    worker = installation.start("worker", "--load-s", str(LOAD_S))
    job_id = installation.submit_directly(chain_spec())
    installation.until(lambda: installation.job(job_id).attempt == 1, "it is claimed")
    installation.until(lambda: installation.trainers(worker), "the trainer is told")
    return job_id, worker


@pytest.mark.parametrize("victim", ["guard", "keeper", "trainer", "worker"])
def test_whoever_is_killed_while_it_loads_the_job_succeeds_later(
    installation: Installation, loading: tuple[str, "subprocess.Popen[bytes]"], victim: str
) -> None:
    job_id, worker = loading
    guard, keeper, trainer = family = installation.family(worker)
    named = {"guard": guard, "keeper": keeper, "trainer": trainer}
    named.get(victim, psutil.Process(worker.pid)).kill()
    if victim == "worker":
        worker.wait()
        installation.start("worker")
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.SUCCEEDED
    assert len(installation.attempts(job_id)) == 2
    assert psutil.wait_procs(family, timeout=GONE_S)[1] == []


def test_a_worker_that_freezes_then_loses_the_attempt_with_its_lease(
    installation: Installation, loading: tuple[str, "subprocess.Popen[bytes]"]
) -> None:
    # fails if the deadline of a warm trainer stays infinite
    job_id, worker = loading
    family = installation.family(worker)
    worker.send_signal(signal.SIGSTOP)
    installation.start("worker")
    installation.until(lambda: installation.job(job_id).attempt == 2, "the other takes the job")
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    worker.send_signal(signal.SIGCONT)
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.SUCCEEDED


def test_a_job_is_cancelled_although_its_trainer_still_loads(
    installation: Installation, loading: tuple[str, "subprocess.Popen[bytes]"]
) -> None:
    job_id, worker = loading
    family = installation.family(worker)
    installation.wish(wishes.cancel, job_id)
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.CANCELLED
    assert psutil.wait_procs(family, timeout=SOON_S)[1] == []


def test_a_keeper_that_is_stopped_before_the_job_comes_is_told_none(
    installation: Installation,
) -> None:
    # fails if the job is begun: nobody would end it with the lease
    installation.environment["NETAUG_WARM_TRAINERS"] = "true"
    installation.start("dispatcher")
    worker = installation.start("worker")
    installation.until(lambda: len(installation.family(worker)) == 3, "one waits")
    _, keeper, _ = family = installation.family(worker)
    keeper.suspend()
    job_id = installation.submit_directly(chain_spec())
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.SUCCEEDED
    assert "warm_trainer_is_deaf" in installation.log("worker")
    assert psutil.wait_procs(family, timeout=GONE_S)[1] == []
