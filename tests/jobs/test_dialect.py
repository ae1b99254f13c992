import pytest
import sqlalchemy as sa

from jobs import queries
from jobs.states import EventType, JobStatus
from jobs.tables import events, jobs
from tests.builders import TENANT, submit


def read(connection: sa.Connection, status: str) -> JobStatus:
    """What this release makes of a status that is in the database."""
    word = sa.type_coerce(sa.literal(status, sa.String), jobs.c.status.type)
    return connection.execute(sa.select(word)).scalar_one()


def test_a_word_of_a_newer_release_is_read(connection: sa.Connection) -> None:
    status = read(connection, "paused")
    assert (status, status.value, str(status)) == ("paused", "paused", "paused")
    assert isinstance(status, JobStatus)
    assert not status.is_final


def test_a_known_word_is_itself(connection: sa.Connection) -> None:
    assert read(connection, "failed") is JobStatus.FAILED


def test_a_word_that_is_none_cannot_be_stored(connection: sa.Connection) -> None:
    job = submit(connection)
    with pytest.raises(sa.exc.IntegrityError):
        connection.execute(
            sa.update(events).where(events.c.job_id == job.id).values(type="surprise")
        )
    connection.rollback()


def test_events_are_still_filtered_by_their_words(connection: sa.Connection) -> None:
    job = submit(connection)
    (event,) = queries.list_events(connection, job.id, only=EventType.STATE)
    assert event.type is EventType.STATE
    assert queries.get_job(connection, TENANT, job.id).status is JobStatus.QUEUED
