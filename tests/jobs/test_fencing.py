"""Only the newest attempt can write."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from jobs import endings, lifecycle
from jobs.endings import StoredArtifact
from jobs.errors import Fenced
from jobs.recording import Entry, Report
from jobs.records import MetricPoint
from jobs.states import EventType
from jobs.tables import metadata
from tests.builders import DIVERGED, LAPSED_S, LEASE_S, LOST, claim, submit

FILE = StoredArtifact("model.onnx", "model", "application/octet-stream", "", "k", 1, "0" * 64)
NEWS = Report(
    batch=99,
    entries=(Entry(EventType.LOG, {"text": "late"}),),
    metrics=(MetricPoint("loss", 1, 0, 1.0, epoch_end=False),),
)
Write = Callable[[sa.Connection, str], object]
WRITES: dict[str, Write] = {
    "report": lambda c, job: lifecycle.report(c, job, 1, NEWS, lease_seconds=LEASE_S),
    "succeed": lambda c, job: endings.succeed(c, job, 1, result={}, stored=[FILE]),
    "fail": lambda c, job: endings.fail(c, job, 1, DIVERGED),
    "lose": lambda c, job: endings.fail(c, job, 1, LOST),
    "cancelled": lambda c, job: endings.cancelled(c, job, 1),
    "release": lambda c, job: endings.release(c, job, 1),
}


def everything(connection: sa.Connection) -> dict[str, list[sa.Row[tuple[object, ...]]]]:
    return {
        table.name: list(connection.execute(sa.select(table).order_by(*table.primary_key)))
        for table in metadata.sorted_tables
    }


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_attempt_whose_lease_ran_out_changes_nothing(
    connection: sa.Connection, write: Write
) -> None:
    job = submit(connection)
    claim(connection, LAPSED_S)
    assert endings.expire_leases(connection) == [job.id]
    before = everything(connection)
    with pytest.raises(Fenced, match=f"attempt 1 of job {job.id}"):
        write(connection, job.id)
    assert everything(connection) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_older_attempt_changes_nothing_while_the_next_one_runs(
    connection: sa.Connection, write: Write
) -> None:
    job = submit(connection)
    claim(connection, LAPSED_S)
    endings.expire_leases(connection)
    assert claim(connection).job.attempt == 2
    before = everything(connection)
    with pytest.raises(Fenced):
        write(connection, job.id)
    assert everything(connection) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_older_attempt_changes_nothing_after_the_next_one_succeeded(
    connection: sa.Connection, write: Write
) -> None:
    job = submit(connection)
    claim(connection, LAPSED_S)
    endings.expire_leases(connection)
    claim(connection)
    endings.succeed(connection, job.id, 2, result={}, stored=[])
    before = everything(connection)
    with pytest.raises(Fenced):
        write(connection, job.id)
    assert everything(connection) == before
