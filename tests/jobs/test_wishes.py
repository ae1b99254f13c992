from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from jobs import endings, lifecycle, outbox, queries, removal, wishes
from jobs.errors import IllegalStateChange, JobNotFound
from jobs.recording import Report, StoredCheckpoint
from jobs.settings import Settings
from jobs.states import FINAL, JobStatus
from jobs.storage import Storage, attempt_key, job_prefix
from jobs.tables import doomed_prefixes, events, metadata
from tests.builders import LEASE_S, LOST, TENANT, claim, get, make_job, submit

CHECKPOINT = StoredCheckpoint(5, 0, "k", 1, "a" * 64)
LIVE = [JobStatus.QUEUED, JobStatus.RUNNING]


def give_checkpoint(connection: sa.Connection, job_id: str) -> None:
    news = Report(batch=1, checkpoints=(CHECKPOINT,))
    lifecycle.report(connection, job_id, 1, news, lease_seconds=LEASE_S)


def test_cancelling_a_queued_job_ends_it_at_once(connection: sa.Connection) -> None:
    job = submit(connection)
    assert wishes.cancel(connection, TENANT, job.id).status is JobStatus.CANCELLED
    assert lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S) is None


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_cancelling_twice_is_cancelling_once(connection: sa.Connection, status: JobStatus) -> None:
    job = make_job(connection, status)
    first = wishes.cancel(connection, TENANT, job.id)
    assert wishes.cancel(connection, TENANT, job.id) == first


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED])
def test_a_job_that_has_ended_cannot_be_cancelled(
    connection: sa.Connection, status: JobStatus
) -> None:
    job = make_job(connection, status)
    with pytest.raises(IllegalStateChange, match=f"has {status} already"):
        wishes.cancel(connection, TENANT, job.id)


def test_stopping_twice_is_stopping_once(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    first = wishes.stop(connection, TENANT, job.id)
    assert first.stop_requested_at is not None
    assert wishes.stop(connection, TENANT, job.id) == first


def test_a_job_that_never_trained_has_nothing_to_stop_with(connection: sa.Connection) -> None:
    job = submit(connection)
    with pytest.raises(IllegalStateChange, match="cancel it instead"):
        wishes.stop(connection, TENANT, job.id)


def test_a_lost_job_with_a_checkpoint_can_be_stopped_while_it_waits(
    connection: sa.Connection,
) -> None:
    job = make_job(connection, JobStatus.RUNNING)
    give_checkpoint(connection, job.id)
    endings.fail(connection, job.id, 1, LOST)
    assert wishes.stop(connection, TENANT, job.id).status is JobStatus.QUEUED
    claim(connection)
    told = lifecycle.report(connection, job.id, 2, Report(batch=1), lease_seconds=LEASE_S)
    assert told.stop


def test_stopping_a_job_that_succeeded_changes_nothing(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.SUCCEEDED)
    assert wishes.stop(connection, TENANT, job.id) == job


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_without_success_cannot_be_stopped(
    connection: sa.Connection, status: JobStatus
) -> None:
    job = make_job(connection, status)
    with pytest.raises(IllegalStateChange, match="cannot be stopped"):
        wishes.stop(connection, TENANT, job.id)


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_retry_forgets_what_ended_the_job(connection: sa.Connection, status: JobStatus) -> None:
    job = make_job(connection, status)
    outbox.published(connection, outbox.pending(connection, 10))
    again = wishes.retry(connection, TENANT, job.id)
    assert (again.status, again.failure, again.failure_message) == (JobStatus.QUEUED, None, None)
    assert (again.lost_attempts, again.seconds_used, again.finished_at) == (0, 0.0, None)
    assert (again.cancel_requested_at, again.stop_requested_at) == (None, None)
    assert [bell.job_id for bell in outbox.pending(connection, 10)] == [job.id]
    assert claim(connection).job.attempt == 2


def test_a_retry_gives_all_attempts_and_time_back(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.RUNNING, max_attempts=1)
    used = Report(batch=1, seconds_used=9.0)
    lifecycle.report(connection, job.id, 1, used, lease_seconds=LEASE_S)
    assert endings.fail(connection, job.id, 1, LOST) is JobStatus.FAILED
    again = wishes.retry(connection, TENANT, job.id)
    assert (again.lost_attempts, again.seconds_used) == (0, 0.0)


def test_retrying_a_job_that_is_queued_changes_nothing(connection: sa.Connection) -> None:
    job = submit(connection)
    assert wishes.retry(connection, TENANT, job.id) == job


def test_a_job_that_succeeded_cannot_be_retried(connection: sa.Connection) -> None:
    job = make_job(connection, JobStatus.SUCCEEDED)
    with pytest.raises(IllegalStateChange, match="has succeeded"):
        wishes.retry(connection, TENANT, job.id)


@pytest.mark.parametrize("status", LIVE)
def test_a_live_job_cannot_be_deleted(connection: sa.Connection, status: JobStatus) -> None:
    job = make_job(connection, status)
    with pytest.raises(IllegalStateChange, match="cancel it before"):
        wishes.delete(connection, TENANT, job.id)
    assert connection.execute(sa.select(doomed_prefixes)).all() == []


@pytest.mark.parametrize("status", sorted(FINAL))
def test_deleting_a_job_leaves_no_row_of_it(connection: sa.Connection, status: JobStatus) -> None:
    job = make_job(connection, status, tags=("a",))
    wishes.delete(connection, TENANT, job.id)
    owned = [table for table in metadata.sorted_tables if "job_id" in table.c]
    assert events in owned
    for table in owned:
        assert connection.execute(sa.select(table)).all() == [], table.name
    with pytest.raises(JobNotFound):
        get(connection, job.id)


@pytest.mark.parametrize("verb", [wishes.cancel, wishes.stop, wishes.retry, wishes.delete])
def test_another_tenants_job_is_not_found(connection: sa.Connection, verb: object) -> None:
    job = make_job(connection, JobStatus.FAILED)
    assert callable(verb)
    with pytest.raises(JobNotFound):
        verb(connection, "other", job.id)
    assert queries.get_job(connection, TENANT, job.id) == job


def test_deleting_a_job_frees_its_storage_and_no_others(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    storage = Storage.open(
        Settings(database_url=SecretStr(database_url), storage_url=f"file://{tmp_path}/objects")
    )
    with engine.begin() as connection:
        kept, doomed = (make_job(connection, JobStatus.FAILED) for _ in range(2))
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for job in (kept, doomed):
        storage.put(attempt_key(job.id, 1, "checkpoints", "7"), file)
    with engine.begin() as connection:
        wishes.delete(connection, TENANT, doomed.id)
    assert removal.remove_deleted(engine, storage) == 1
    assert removal.remove_deleted(engine, storage) == 0
    assert list(storage.keys(job_prefix(doomed.id))) == []
    assert len(list(storage.keys(job_prefix(kept.id)))) == 1
    assert not (tmp_path / "objects" / job_prefix(doomed.id)).exists()
