"""Row 6: doorbells rung too often, in any order, too late, and for nobody."""

from itertools import count

import pytest
from kombu import Connection, Exchange, Queue

from jobs.states import AttemptOutcome
from tests.faults.installation import Installation, chain_spec
from tests.faults.test_statements import SHORT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

QUEUE, DOORBELL = "netaug.doorbells", "worker.tasks.doorbell"  # as in worker/app.py
NUMBERS = count()


def ring(installation: Installation, job_id: str) -> None:
    """A doorbell as the dispatcher sends it, by hand."""
    with Connection(installation.environment["NETAUG_BROKER_URL"]) as connection:
        queue = Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE)
        connection.Producer(serializer="json").publish(
            ([], {}, {}),
            exchange=queue.exchange,
            routing_key=QUEUE,
            declare=[queue],
            headers={"task": DOORBELL, "id": f"{job_id}-{next(NUMBERS)}", "job_id": job_id},
        )


def test_doorbells_rung_too_often_too_late_or_for_nobody_start_nothing(
    installation: Installation,
) -> None:
    installation.start("dispatcher")
    installation.start("worker")
    installation.start("worker")
    done = installation.submit_directly(SHORT)
    installation.until_final(done)
    running = [installation.submit_directly(chain_spec(seed=n)) for n in range(3)]
    for job_id in [*reversed(running), done, "job_unknown"] * 5:
        ring(installation, job_id)
    installation.until_final(*running)
    for job_id in (done, *running):
        assert [a.outcome for a in installation.attempts(job_id)] == [AttemptOutcome.SUCCEEDED]
