"""Row 8: cancels, twice each, in every moment of a job's life."""

import os
import random
import time

import pytest

from jobs import wishes
from jobs.errors import IllegalStateChange
from jobs.states import JobStatus
from tests.faults.chain_trainer import GRANDCHILD
from tests.faults.installation import Installation, chain_spec
from tests.faults.test_statements import SHORT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.usefixtures("each_start")]

NUM_CANCELS = int(os.environ.get("FAULTS_CANCELS", "8"))


def test_a_cancel_at_any_moment_ends_a_job_once(installation: Installation) -> None:
    installation.start("dispatcher")
    installation.start("worker")
    chance = random.Random(8)  # noqa: S311  # moments, no secret
    spec = SHORT | {"tags": ["step_ms=10", GRANDCHILD]}
    for _ in range(NUM_CANCELS):
        job_id = installation.submit_directly(spec)
        time.sleep(chance.uniform(0.0, 0.6))  # the moment of the fault, not a wait for anything
        for _ in range(2):
            try:
                installation.wish(wishes.cancel, job_id)
            except IllegalStateChange:
                assert installation.job(job_id).status is JobStatus.SUCCEEDED
        installation.until_final(job_id)
        assert installation.job(job_id).status in {JobStatus.SUCCEEDED, JobStatus.CANCELLED}


def test_a_running_job_ends_long_before_its_time_and_leaves_no_process(
    installation: Installation,
) -> None:
    installation.start("dispatcher")
    worker = installation.start("worker")
    long = chain_spec(epochs=1000, step_ms=30)
    job_id = installation.submit_directly(long | {"tags": [*long["tags"], GRANDCHILD]})
    installation.until(lambda: installation.checkpointed(job_id), "a checkpoint is stored")
    family = installation.family(worker)
    installation.wish(wishes.cancel, job_id)
    installation.until_final(job_id)
    assert installation.job(job_id).status is JobStatus.CANCELLED
    assert not any(process.is_running() for process in family)
