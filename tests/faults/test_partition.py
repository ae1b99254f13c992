"""Row 9: a worker cut off from the database, whose trainer is alive."""

import pytest
import sqlalchemy as sa

from jobs.states import AttemptOutcome, JobStatus
from tests.faults.installation import Installation, chain_spec
from tests.faults.proxy import Mode, Proxy, through

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("mode", [Mode.STALL, Mode.DROP, Mode.CUT])
def test_a_worker_cut_off_from_the_database_gives_up_before_another_takes_the_job(
    installation: Installation, mode: Mode
) -> None:
    installation.start("dispatcher")
    with Proxy(sa.make_url(installation.database_url).port or 0) as proxy:
        url = through(proxy, installation.database_url)
        cut_off = installation.start(
            "worker", NETAUG_DATABASE_URL=url, NETAUG_DATABASE_ANSWER_SECONDS="0.5"
        )
        job_id = installation.submit_directly(chain_spec(epochs=10, step_ms=30))
        installation.until(lambda: installation.checkpointed(job_id) >= 10, "a checkpoint")
        proxy.set(mode)
        installation.start("worker")
        installation.until_final(job_id)
        proxy.set(Mode.PASS)
        assert cut_off.poll() is None
        assert installation.job(job_id).status is JobStatus.SUCCEEDED
        outcomes = [attempt.outcome for attempt in installation.attempts(job_id)]
        assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED]
        installation.stop()
