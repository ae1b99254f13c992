"""What a tenant may queue, run, use and store."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from jobs import __main__ as commands
from jobs import db, endings, lifecycle, tenants, wishes
from jobs.endings import StoredArtifact
from jobs.errors import QueueFull, QuotaSpent
from jobs.recording import Report, StoredCheckpoint
from jobs.retention import Rules, Sweep
from jobs.states import JobStatus
from jobs.tables import attempts, jobs
from tests.builders import LEASE_S, TENANT, cancel, claim, make_spec, submit

ARTIFACT = StoredArtifact("model.onnx", "model", "x/y", "", "k", 70, "a" * 64)
CHECKPOINT = StoredCheckpoint(7, 1, "jobs/j/1/checkpoints/7", 30, "a" * 64)


def set_quota(connection: sa.Connection, **values: object) -> None:
    tenants.set_quota(connection, TENANT, values)


def stored(connection: sa.Connection) -> int:
    return tenants.get(connection, TENANT).stored_bytes


def test_a_full_queue_refuses_the_next_job(connection: sa.Connection) -> None:
    set_quota(connection, max_queued=2)
    first = submit(connection)
    submit(connection)
    with pytest.raises(QueueFull, match="has 2 queued jobs"):
        submit(connection)
    submit(connection, tenant="other")
    cancel(connection, first.id)
    submit(connection)


def test_jobs_beyond_the_running_quota_wait(connection: sa.Connection) -> None:
    set_quota(connection, max_running=1)
    first, second = submit(connection), submit(connection)
    other = submit(connection, tenant="other")
    assert [claim(connection).job.id for _ in range(2)] == [first.id, other.id]
    assert lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S) is None
    endings.succeed(connection, first.id, 1, result={}, stored=[])
    assert claim(connection).job.id == second.id


def test_a_job_larger_than_the_running_quota_is_refused(connection: sa.Connection) -> None:
    set_quota(connection, max_running=0)
    with pytest.raises(QuotaSpent, match="may run 0 at once"):
        submit(connection, make_spec(gpus=1))


def test_spent_gpu_time_refuses_submits_and_lets_queued_jobs_wait(
    connection: sa.Connection,
) -> None:
    job, waits = submit(connection), submit(connection)
    set_quota(connection, max_gpu_seconds=3600.0)
    claim(connection)
    started = connection.scalar(sa.select(attempts.c.started_at))
    connection.execute(
        sa.update(attempts).values(started_at=started.replace(year=started.year - 1))
    )
    endings.succeed(connection, job.id, 1, result={}, stored=[])
    assert tenants.get(connection, TENANT).gpu_seconds_used > 3600.0 * 24 * 364
    assert lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S) is None
    with pytest.raises(QuotaSpent, match=r"of 1.00 GPU-hours; ask the operator"):
        submit(connection)
    set_quota(connection, gpu_seconds_used=0.0)
    assert claim(connection).job.id == waits.id


def test_a_lost_attempt_is_charged_until_its_lease_ran_out(connection: sa.Connection) -> None:
    job = submit(connection)
    claim(connection)
    started = connection.scalar(sa.select(attempts.c.started_at))
    long_ago = started - timedelta(hours=10)
    connection.execute(sa.update(attempts).values(started_at=long_ago))
    connection.execute(sa.update(jobs).values(gpus=2, lease_until=long_ago + timedelta(minutes=30)))
    assert endings.expire_leases(connection) == [job.id]
    assert tenants.get(connection, TENANT).gpu_seconds_used == pytest.approx(3600.0)


def test_what_is_stored_is_counted_and_freed(connection: sa.Connection) -> None:
    job = submit(connection)
    claim(connection)
    news = Report(batch=1, checkpoints=(CHECKPOINT,))
    lifecycle.report(connection, job.id, 1, news, lease_seconds=LEASE_S)
    lifecycle.report(connection, job.id, 1, news, lease_seconds=LEASE_S)  # sent twice
    assert stored(connection) == 30
    endings.succeed(connection, job.id, 1, result={}, stored=[ARTIFACT])
    endings.succeed(connection, job.id, 1, result={}, stored=[ARTIFACT])
    assert stored(connection) == 100
    wishes.delete(connection, TENANT, job.id)
    assert stored(connection) == 0


def test_what_retention_drops_is_given_back(engine: sa.Engine) -> None:
    with db.writing(engine) as connection:
        job = submit(connection)
        claim(connection)
        written = tuple(replace(CHECKPOINT, step=s, storage_key=f"k{s}") for s in (1, 2, 3))
        news = Report(batch=1, checkpoints=written)
        lifecycle.report(connection, job.id, 1, news, lease_seconds=LEASE_S)
    assert Sweep(engine, Rules(1, 30, None, None)).step() == 2
    with db.reading(engine) as connection:
        assert stored(connection) == 30


def test_full_storage_refuses_submits_until_something_is_deleted(
    connection: sa.Connection,
) -> None:
    job = submit(connection)
    claim(connection)
    endings.succeed(connection, job.id, 1, result={}, stored=[ARTIFACT])
    set_quota(connection, max_stored_bytes=70)
    with pytest.raises(QuotaSpent, match=r"stores 70 of 70 bytes; delete jobs"):
        submit(connection)
    wishes.delete(connection, TENANT, job.id)
    submit(connection)


def test_an_operator_sets_and_lifts_quotas(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("NETAUG_DATABASE_URL", url)
    given = "--weight 2 --max-queued 5 --max-running 4 --max-gpu-hours 1.5 --max-stored-bytes 9"
    assert commands.main(["set-quota", "--tenant", "team", *given.split()]) == 0
    with db.reading(engine) as connection:
        team = tenants.get(connection, "team")
    assert (team.weight, team.max_queued, team.max_running) == (2, 5, 4)
    assert (team.max_gpu_seconds, team.max_stored_bytes) == (5400.0, 9)
    commands.main(["set-quota", "--tenant", "team", "--max-queued", "none"])
    with db.reading(engine) as connection:
        assert tenants.get(connection, "team").max_queued is None
        assert tenants.get(connection, "team").max_running == 4
    assert "max_queued" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--weight", "0"], ["--max-running", "-1"]])
def test_a_quota_that_means_nothing_is_refused(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        commands.main(["set-quota", "--tenant", "team", *wrong])
    assert wrong[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("quota", "refusal"),
    [
        ({"max_queued": 0}, QueueFull),
        ({"max_running": 0}, QuotaSpent),
        ({"max_gpu_seconds": 0.0}, QuotaSpent),
        ({"max_stored_bytes": 0}, QuotaSpent),
    ],
)
def test_a_retry_is_admitted_as_a_submit_is(
    connection: sa.Connection, quota: dict[str, float], refusal: type[Exception]
) -> None:
    job = submit(connection)
    cancel(connection, job.id)
    set_quota(connection, **quota)
    with pytest.raises(refusal):
        wishes.retry(connection, TENANT, job.id)
    set_quota(connection, **dict.fromkeys(quota))
    assert wishes.retry(connection, TENANT, job.id).status is JobStatus.QUEUED
