"""A release is put in while the service runs: no error, no lost job, as docs/deploy.md orders it.

A schema serves the release it was made for and the one before it. The next release is played by a
migration that does what migrations may do; the one before is taken from the project's history.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs import db
from jobs.states import JobStatus
from jobs.tables import events, jobs
from tests.faults import earlier
from tests.faults.installation import Answer, Installation, chain_spec
from tests.migrations import histories

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CLIENTS = 2
ROUNDS = 2  # of each client, beside each migration
NEXT_UP = """
    op.add_column("jobs", sa.Column("placed_on", sa.Text))
    op.add_column("jobs", sa.Column("moves", sa.Integer, nullable=False, server_default="0"))
    op.create_table("placements", sa.Column("job_id", sa.Text, primary_key=True))
    for table, column in (("jobs", "status"), ("jobs", "failure"), ("events", "type")):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK "
            f"({column} ~ '^[a-z_]+$') NOT VALID"
        )
    with op.get_context().autocommit_block():
        op.create_index("ix_jobs_placed_on", "jobs", ["placed_on"], postgresql_concurrently=True)
"""
NEXT_DOWN = """
    with op.get_context().autocommit_block():
        op.drop_index("ix_jobs_placed_on", "jobs", postgresql_concurrently=True)
    op.drop_table("placements")
    op.drop_column("jobs", "moves")
    op.drop_column("jobs", "placed_on")
"""


class Clients:
    """Submit jobs and follow them to their ends, as fast as they are answered."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._seed = iter(range(1000))
        self.refused: list[str] = []
        self.done = 0
        self._lock = threading.Lock()

    def follow(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._one_job()

    def _one_job(self) -> None:
        with self._lock:
            seed = next(self._seed)
        answer = self._call("POST", "/v1/jobs", chain_spec(seed=seed, epochs=1, step_ms=5))
        with self._lock:
            job_id = self._installation.acknowledge(answer)
        self._installation.until(
            lambda: self._call("GET", f"/v1/jobs/{job_id}").body["status"] == "succeeded",
            f"job {job_id} succeeds",
        )
        self._call("GET", f"/v1/jobs/{job_id}/events")
        self._call("GET", "/v1/jobs")
        with self._lock:
            self.done += 1

    def _call(self, method: str, path: str, body: object = None) -> Answer:
        answer = self._installation.call(method, path, body)
        if answer.status >= 400:
            self.refused.append(f"{method} {path}: {answer}")
        return answer


@contextmanager
def load(installation: Installation) -> Iterator[Callable[[], None]]:
    """Clients at work; what is given waits until each has finished some more jobs."""
    clients, stop = Clients(installation), threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(clients.follow, stop) for _ in range(CLIENTS)]

        def more() -> None:
            enough = clients.done + CLIENTS * ROUNDS
            installation.until(
                lambda: clients.done >= enough or any(one.done() for one in running), "jobs end"
            )

        try:
            yield more
        finally:
            stop.set()
        for one in running:
            one.result()
    assert clients.refused == []


def test_a_migration_up_and_down_beside_the_service_loses_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "versions").mkdir()
    history = histories.write_next(tmp_path / "versions", NEXT_UP, NEXT_DOWN)
    for role in ("dispatcher", "worker"):
        installation.start(role)
    installation.start_api()
    with load(installation) as more:
        more()
        histories.migrate(installation.engine, history)
        more()
        assert installation.call("GET", "/readyz").body["database"] == "ok"
        histories.migrate(installation.engine, history, down_to=histories.head())
        more()


def test_words_of_the_next_release_are_shown_by_this_one(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "versions").mkdir()
    histories.migrate(
        installation.engine, histories.write_next(tmp_path / "versions", NEXT_UP, NEXT_DOWN)
    )
    for role in ("dispatcher", "worker"):
        installation.start(role)
    installation.start_api()
    job_id = installation.submit(chain_spec(epochs=1, step_ms=5))
    installation.until_final(job_id)

    with written_by_the_next_release(installation.engine, job_id):
        shown = installation.call("GET", f"/v1/jobs/{job_id}")
        told = installation.call("GET", f"/v1/jobs/{job_id}/events").body["items"]
        listed = installation.call("GET", "/v1/jobs").body["items"]
        following = installation.submit(chain_spec(epochs=1, step_ms=5))
        installation.until_final(following)

    assert (shown.status, shown.body["status"]) == (200, "paused")
    assert told[-1]["type"] == "placement"
    assert [job["status"] for job in listed] == ["paused"]


@contextmanager
def written_by_the_next_release(engine: sa.Engine, job_id: str) -> Iterator[None]:
    """A status and an event that this release has no word for; then as it was."""
    this = jobs.c.id == job_id
    with db.writing(engine) as connection:
        was = connection.execute(sa.select(jobs.c.finished_at, jobs.c.last_event).where(this)).one()
        connection.execute(sa.update(jobs).where(this).values(status="paused", finished_at=None))
        copied = sa.select(
            events.c.job_id, sa.literal(was.last_event + 1), sa.literal("placement"),
            events.c.attempt, events.c.data, events.c.created_at,
        ).where(events.c.job_id == job_id, events.c.seq == 1)  # fmt: skip
        columns = ["job_id", "seq", "type", "attempt", "data", "created_at"]
        connection.execute(sa.insert(events).from_select(columns, copied))
    yield
    with db.writing(engine) as connection:
        connection.execute(sa.delete(events).where(events.c.type == "placement"))
        ended = {"status": JobStatus.SUCCEEDED, "finished_at": was.finished_at}
        connection.execute(sa.update(jobs).where(this).values(ended))


@pytest.fixture
def earlier_release(tmp_path: Path) -> Path:
    tree = tmp_path / "earlier"
    if not earlier.extract(tree):
        pytest.skip("no earlier release in this history")
    return tree


def test_the_release_before_runs_on_this_schema_and_hands_over_to_this_one(
    installation: Installation, earlier_release: Path
) -> None:
    def start_earlier(role: str, *options: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.process", role, *options],
            cwd=earlier_release,
            env=installation.environment | {"PYTHONPATH": str(earlier_release)},
        )
        installation.running.append(process)
        return process

    worker = start_earlier("worker", "--witness", str(installation.witness))
    dispatcher = start_earlier("dispatcher")
    api = start_earlier("api", "--port", str(installation.port))
    installation.until(lambda: installation._answers(api), "the API answers")
    with load(installation) as more:
        more()
        # The order of docs/deploy.md: workers, dispatcher, API.
        half_way = installation.submit(chain_spec(epochs=4, step_ms=50))
        installation.until(lambda: installation.checkpointed(half_way) > 0, "a checkpoint")
        installation.start("worker")
        worker.terminate()
        assert worker.wait(60) == 0
        installation.start("dispatcher")
        dispatcher.terminate()
        more()
        installation.until_final(half_way)
    api.terminate()
    assert api.wait(60) == 0
    installation.start_api()
    assert installation.call("GET", f"/v1/jobs/{half_way}").body["status"] == "succeeded"
