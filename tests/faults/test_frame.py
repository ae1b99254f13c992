"""The frame itself: an undisturbed job passes every invariant, and each broken one is seen."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs import db
from jobs.states import AttemptOutcome, JobStatus
from jobs.tables import attempts, events, metrics
from tests.faults import invariants
from tests.faults.installation import Installation, chain_spec

pytestmark = pytest.mark.slow


def test_an_undisturbed_job_keeps_every_invariant_and_each_broken_one_is_seen(
    installation: Installation,
) -> None:
    installation.start("dispatcher")
    installation.start("worker")
    installation.start_api()
    done = installation.submit(chain_spec(seed=7))
    installation.until_final(done)
    assert (installation.job(done).status, installation.job(done).attempt) == (
        JobStatus.SUCCEEDED,
        1,
    )
    installation.stop()
    assert seen(installation) == set()

    with without(installation.engine, metrics, metrics.c.step == 4):
        assert seen(installation) == {"I6"}
    with without(installation.engine, events, events.c.seq == 2):
        assert seen(installation) == {"I8"}
    with without(installation.engine, attempts, attempts.c.outcome == AttemptOutcome.SUCCEEDED):
        assert seen(installation) == {"I3"}
    with other_bytes(next(installation.storage.rglob("model.safetensors"))):
        assert seen(installation) == {"I7"}
    with a_second_life(installation):
        assert seen(installation) == {"I4"}
    with an_orphan(installation):
        assert seen(installation) == {"I5"}
    with an_unknown_job(installation):
        assert seen(installation) == {"I1"}


def seen(installation: Installation) -> set[str]:
    return {sentence[:2] for sentence in invariants.violations(installation)}


@contextmanager
def without(engine: sa.Engine, table: sa.Table, which: sa.ColumnElement[bool]) -> Iterator[None]:
    """Take rows away, then put them back."""
    with db.writing(engine) as connection:
        rows = [dict(row._mapping) for row in connection.execute(sa.select(table).where(which))]
        connection.execute(sa.delete(table).where(which))
    yield
    with db.writing(engine) as connection:
        connection.execute(sa.insert(table), rows)


@contextmanager
def other_bytes(path: Path) -> Iterator[None]:
    content = path.read_bytes()
    path.write_bytes(content[::-1])
    yield
    path.write_bytes(content)


@contextmanager
def a_second_life(installation: Installation) -> Iterator[None]:
    """Another trainer of the same job that lived within the first one's life."""
    [first] = installation.witness.iterdir()
    lines = first.read_text().splitlines()
    second = first.with_name(first.name.replace("-1.", "-2."))
    second.write_text("\n".join(lines[3:5]) + "\n")
    yield
    second.unlink()


@contextmanager
def an_orphan(installation: Installation) -> Iterator[None]:
    sleeps = "import time; time.sleep(60)"
    with ExitStack() as stack:
        orphan = subprocess.Popen([sys.executable, "-c", sleeps, str(installation.directory)])
        stack.callback(orphan.wait)
        stack.callback(orphan.kill)
        yield


@contextmanager
def an_unknown_job(installation: Installation) -> Iterator[None]:
    installation.acknowledged.append("job_unknown")
    yield
    installation.acknowledged.remove("job_unknown")
