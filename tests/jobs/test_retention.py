"""What the rules keep stays, what they drop frees its bytes, and no row names a missing object."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from jobs import db, lifecycle, processes, removal, retention, wishes
from jobs.dialect import now_plus
from jobs.endings import StoredArtifact, succeed
from jobs.recording import Entry, Report, StoredCheckpoint, append_checkpoints
from jobs.records import Job
from jobs.removal import OrphanSweep
from jobs.retention import Rules, Sweep
from jobs.settings import Settings
from jobs.states import EventType, JobStatus
from jobs.storage import Storage, attempt_key
from jobs.tables import artifacts, checkpoints, doomed_prefixes, events, jobs
from netaug_core import weights
from netaug_core.spec import JobSpec
from tests.builders import LEASE_S, TENANT, claim, make_job, make_spec, submit

DAY_S = 86_400.0
SHA256 = "ab" * 32
FOR_EVER = Rules(checkpoints_kept=2, checkpoint_days=30, log_days=None, artifact_days=None)
STATUSES = [JobStatus.QUEUED, JobStatus.RUNNING, *(s for s in JobStatus if s.is_final)]
SWEEP = """
import sys
from jobs import db, removal, retention
from jobs.settings import Settings
from jobs.storage import Storage
settings = Settings()
engine = db.create_engine(settings.database_url.get_secret_value())
sweep, storage = retention.Sweep(engine, retention.Rules.of(settings)), Storage.open(settings)
while True:
    sweep.step()
    removal.remove_deleted(engine, storage)
"""


@dataclass(frozen=True)
class Given:
    """A job of a generated world."""

    status: JobStatus
    steps: list[int]  # one checkpoint each
    days: int  # since its end


GIVEN = st.builds(
    Given,
    status=st.sampled_from(STATUSES),
    steps=st.lists(st.integers(1, 10**6), max_size=5, unique=True),
    days=st.integers(0, 60),
)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(settings_of("sqlite://", tmp_path))


def settings_of(database_url: str, directory: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), storage_url=f"file://{directory}/objects")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(b"content")
    return path


def add_checkpoints(
    connection: sa.Connection, storage: Storage, file: Path, job: Job, steps: list[int]
) -> None:
    stored = []
    for step in steps:
        key = attempt_key(job.id, max(job.attempt, 1), "checkpoints", f"checkpoint-{step}.pt")
        storage.put(key, file)
        stored.append(StoredCheckpoint(step, 0, key, 7, SHA256))
    append_checkpoints(connection, job.id, max(job.attempt, 1), tuple(stored))


def age(connection: sa.Connection, job: Job, days: float) -> None:
    connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job.id, jobs.c.finished_at.is_not(None))
        .values(finished_at=now_plus(-days * DAY_S))
    )


def make(connection: sa.Connection, storage: Storage, file: Path, given: Given) -> Job:
    """A job with checkpoints; the queue is empty afterwards unless it is queued."""
    job = make_job(connection, given.status, priority=0)
    add_checkpoints(connection, storage, file, job, given.steps)
    age(connection, job, given.days)
    return job


def named(connection: sa.Connection) -> set[str]:
    return {
        str(key)
        for table in (checkpoints, artifacts)
        for key in connection.scalars(sa.select(table.c.storage_key))
    }


def stored(storage: Storage) -> set[str]:
    return {found.key for found in storage.page("jobs")}


def sweep(engine: sa.Engine, storage: Storage, rules: Rules = FOR_EVER) -> int:
    """All that a dispatcher's periods would do in time; how many objects went."""
    retention_sweep, removed = Sweep(engine, rules), 0
    while retention_sweep.step():
        pass
    while found := removal.remove_deleted(engine, storage):
        removed += found
    return removed


def kept_steps(given: Given, rules: Rules) -> list[int]:
    """The rules once more, in other words."""
    if given.status is JobStatus.QUEUED:
        return sorted(given.steps)
    if given.status is JobStatus.SUCCEEDED:
        return []
    if given.status is not JobStatus.RUNNING and given.days >= rules.checkpoint_days:
        return []
    return sorted(given.steps)[-rules.checkpoints_kept :]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    world=st.lists(GIVEN, max_size=6).map(lambda w: sorted(w, key=lambda g: g.status == "queued")),
    kept=st.integers(1, 3),
    days=st.integers(0, 60),
)
def test_a_sweep_keeps_exactly_what_the_rules_say(
    sqlite_url: str, storage: Storage, file: Path, world: list[Given], kept: int, days: int
) -> None:
    engine = db.create_engine(sqlite_url)
    rules = Rules(kept, days, None, None)
    with engine.begin() as connection:
        connection.execute(sa.delete(jobs))
        storage.delete_below("jobs")
        made = {make(connection, storage, file, one).id: one for one in world}
    sweep(engine, storage, rules)
    with engine.begin() as connection:
        left = connection.execute(sa.select(checkpoints.c.job_id, checkpoints.c.step)).all()
        assert named(connection) == stored(storage)
        assert connection.execute(sa.select(doomed_prefixes)).all() == []
    for job_id, one in made.items():
        steps = sorted(row.step for row in left if row.job_id == job_id)
        assert steps == kept_steps(one, rules), one
    engine.dispose()


@pytest.fixture
def failed(engine: sa.Engine, storage: Storage, file: Path) -> Job:
    with engine.begin() as connection:
        return make(connection, storage, file, Given(JobStatus.FAILED, [1, 2, 3], 0))


def test_the_surplus_is_freed_on_both_databases(
    engine: sa.Engine, storage: Storage, failed: Job
) -> None:
    assert sweep(engine, storage) == 1
    with engine.connect() as connection:
        assert named(connection) == stored(storage)
        assert len(stored(storage)) == 2


def test_a_job_that_is_retried_resumes_from_what_was_kept(
    engine: sa.Engine, storage: Storage, failed: Job
) -> None:
    sweep(engine, storage)
    with engine.begin() as connection:
        wishes.retry(connection, TENANT, failed.id)
        assert [c.step for c in claim(connection).checkpoints] == [3, 2]


def test_the_newest_checkpoint_of_a_running_attempt_is_kept(
    engine: sa.Engine, storage: Storage, file: Path
) -> None:
    with engine.begin() as connection:
        job = make(connection, storage, file, Given(JobStatus.FAILED, [5, 6, 7], 0))
        wishes.retry(connection, TENANT, job.id)
        add_checkpoints(connection, storage, file, claim(connection).job, [2, 3])  # it began anew
    sweep(engine, storage)
    with engine.begin() as connection:
        left = connection.execute(sa.select(checkpoints.c.attempt, checkpoints.c.step)).all()
    assert sorted(tuple(row) for row in left) == [(1, 6), (1, 7), (2, 3)]


def test_a_job_that_another_transaction_holds_has_its_turn_later(
    postgres_engine: sa.Engine, storage: Storage, file: Path
) -> None:
    with postgres_engine.begin() as connection:
        job = make(connection, storage, file, Given(JobStatus.FAILED, [1, 2, 3], 60))
    with postgres_engine.begin() as connection:
        wishes.retry(connection, TENANT, job.id)
        assert Sweep(postgres_engine, FOR_EVER).step() == 0
    assert Sweep(postgres_engine, FOR_EVER).step() == 0  # it is queued now
    assert len(stored(storage)) == 3


def test_a_neighbour_whose_key_begins_alike_is_kept(
    engine: sa.Engine, storage: Storage, file: Path
) -> None:
    keys = ["jobs/job_a/1/checkpoints/c-1", "jobs/job_a/1/checkpoints/c-10", "jobs/job_a/10/c"]
    for key in keys:
        storage.put(key, file)
    with engine.begin() as connection:
        retention.doom(connection, keys[0])
    assert removal.remove_deleted(engine, storage) == 1
    assert stored(storage) == set(keys[1:])


def test_nothing_is_removed_while_a_backup_copies(
    engine: sa.Engine, storage: Storage, failed: Job
) -> None:
    with engine.begin() as connection:
        processes.report(connection, processes.BACKUP, "backup-1", {})
    assert sweep(engine, storage) == 0
    assert OrphanSweep(engine, storage, hours=0).step() == 0
    assert len(stored(storage)) == 3
    with engine.begin() as connection:
        processes.leave(connection, processes.BACKUP, "backup-1")
    assert sweep(engine, storage) == 1


def succeeded(connection: sa.Connection, storage: Storage, file: Path, spec: JobSpec) -> Job:
    """A job with a log and a model, whose end is ten days ago."""
    job = submit(connection, spec)
    assert claim(connection).job.id == job.id
    report = Report(batch=1, entries=(Entry(EventType.LOG, {"text": "line"}),))
    lifecycle.report(connection, job.id, 1, report, lease_seconds=LEASE_S)
    key = attempt_key(job.id, 1, "artifacts", "model.safetensors")
    storage.put(key, file)
    model = StoredArtifact("model.safetensors", "model", "x/y", "", key, 7, SHA256)
    succeed(connection, job.id, 1, result={}, stored=[model])
    age(connection, job, 10)
    return job


@pytest.fixture
def trained(engine: sa.Engine, storage: Storage, file: Path) -> Job:
    with engine.begin() as connection:
        return succeeded(connection, storage, file, make_spec())


def log_lines(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return len(
            connection.execute(sa.select(events).where(events.c.type == EventType.LOG)).all()
        )


@pytest.mark.parametrize(("days", "left"), [(None, 1), (11, 1), (9, 0)])
def test_logs_go_when_their_days_are_over(
    engine: sa.Engine, storage: Storage, trained: Job, days: float | None, left: int
) -> None:
    sweep(engine, storage, Rules(2, 30, log_days=days, artifact_days=None))
    assert log_lines(engine) == left
    assert len(stored(storage)) == 1


@pytest.mark.parametrize(("days", "left"), [(None, 1), (11, 1), (9, 0)])
def test_artifacts_go_only_when_their_days_are_over(
    engine: sa.Engine, storage: Storage, trained: Job, days: float | None, left: int
) -> None:
    sweep(engine, storage, Rules(2, 30, log_days=None, artifact_days=days))
    assert len(stored(storage)) == left
    assert log_lines(engine) == 1


@pytest.mark.parametrize(("log_days", "artifact_days"), [(9, 11), (11, 9)])
def test_logs_and_artifacts_have_days_of_their_own(
    engine: sa.Engine, storage: Storage, trained: Job, log_days: float, artifact_days: float
) -> None:
    sweep(engine, storage, Rules(2, 30, log_days, artifact_days))
    assert log_lines(engine) == int(log_days > 10)
    assert len(stored(storage)) == int(artifact_days > 10)


def test_a_model_that_a_waiting_job_needs_is_kept(
    engine: sa.Engine, storage: Storage, trained: Job
) -> None:
    with engine.begin() as connection:
        waiting = make_job(connection)
        section, _, key = weights.PRETRAINED.partition(".")
        spec = {**waiting.spec, section: {key: trained.id}}
        connection.execute(sa.update(jobs).where(jobs.c.id == waiting.id).values(spec=spec))
    sweep(engine, storage, Rules(2, 30, log_days=None, artifact_days=1))
    assert len(stored(storage)) == 1


@pytest.fixture
def orphans(engine: sa.Engine, storage: Storage, file: Path, failed: Job) -> set[str]:
    """Objects that nobody will ever name: of a final job, and of one that is gone."""
    keys = {attempt_key(failed.id, 7, "artifacts", "x"), attempt_key("job_gone", 1, "a", "x")}
    for key in keys:
        storage.put(key, file)
    return keys


def test_orphans_are_removed_when_they_are_old(
    engine: sa.Engine, storage: Storage, orphans: set[str]
) -> None:
    assert OrphanSweep(engine, storage, hours=1).step() == 0
    assert OrphanSweep(engine, storage, hours=0).step() == len(orphans)
    with engine.connect() as connection:
        assert stored(storage) == named(connection)


def test_an_object_of_a_job_that_runs_is_no_orphan(
    engine: sa.Engine, storage: Storage, file: Path
) -> None:
    with engine.begin() as connection:
        job = make_job(connection, JobStatus.RUNNING)
    storage.put(attempt_key(job.id, 1, "artifacts", "model.onnx"), file)
    assert OrphanSweep(engine, storage, hours=0).step() == 0


def test_the_sweep_for_orphans_goes_on_where_it_was(
    engine: sa.Engine, storage: Storage, orphans: set[str]
) -> None:
    walk = OrphanSweep(engine, storage, hours=0, page=1)
    removed = [walk.step() for _ in range(7)]
    assert sum(removed) == len(orphans)
    assert stored(storage).isdisjoint(orphans)


def until(process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
    while not condition():
        assert process.poll() is None, "the sweep ended"


def test_a_sweep_that_is_killed_anywhere_loses_nothing_and_is_finished_by_the_next(
    postgres_engine: sa.Engine,
    postgres_url: str,
    storage: Storage,
    file: Path,
    tmp_path: Path,
) -> None:
    with postgres_engine.begin() as connection:
        for _ in range(40):
            make(connection, storage, file, Given(JobStatus.FAILED, [1, 2, 3, 4, 5], 0))
    configured = settings_of(postgres_url, tmp_path)
    environment = os.environ | {
        "NETAUG_DATABASE_URL": postgres_url,
        "NETAUG_STORAGE_URL": configured.storage_url,
    }

    def rows() -> int:
        with db.reading(postgres_engine) as connection:
            return len(named(connection))

    for limit in (190, 150, 100):
        sweeping = subprocess.Popen([sys.executable, "-c", SWEEP], env=environment)
        until(sweeping, lambda limit=limit: rows() < limit)
        sweeping.send_signal(signal.SIGKILL)
        sweeping.wait()
        with db.reading(postgres_engine) as connection:
            assert named(connection) <= stored(storage)
    sweep(postgres_engine, storage)
    with db.reading(postgres_engine) as connection:
        assert named(connection) == stored(storage)
        assert len(named(connection)) == 80


def test_a_rule_that_compose_passes_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "STORAGE_URL"):
        monkeypatch.setenv(f"NETAUG_{name}", "x")
    monkeypatch.setenv("NETAUG_LOG_DAYS", "")
    monkeypatch.setenv("NETAUG_CHECKPOINTS_KEPT", "7")
    assert Rules.of(Settings()) == Rules(7, 30, None, None)
