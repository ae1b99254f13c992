"""The last that an attempt tells the database: how it ended."""

from collections.abc import Callable

import sqlalchemy as sa
import structlog

from jobs import db
from jobs.lifecycle import Ending
from jobs.states import AttemptOutcome
from netaug_core import failures
from netaug_core.errors import FailureClass
from worker.lease import Lease

log = structlog.get_logger(__name__)

MAX_MESSAGE = 2000


def lost(error: Exception, message: str) -> Ending:
    """Storage away, or this machine's disk full: another attempt may do better."""
    log.warning("attempt_lost", reason=str(error))
    told = (failures.no_space(error) or message)[:MAX_MESSAGE]
    return Ending(AttemptOutcome.LOST, FailureClass.INFRA_LOST, told)


def tell(
    engine: sa.Engine, lease: Lease, job_id: str, statement: Callable[[sa.Connection], object]
) -> None:
    """One transaction, tried until the database answers.

    Raises:
        LeaseOver: it does not answer in time.
    """
    while True:
        try:
            with db.writing(engine) as connection:
                statement(connection)
        except db.UNAVAILABLE as error:
            log.warning("ending_not_written", job_id=job_id, reason=str(error)[:500])
            lease.pause()
        else:
            return
