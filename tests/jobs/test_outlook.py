"""What a queued job is told about its start, against what then happens."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from jobs import endings, lifecycle, outlook, processes, tenants
from jobs.dialect import database_time
from jobs.records import Job
from jobs.states import JobStatus, WorkerWish
from jobs.tables import jobs
from tests.builders import LEASE_S, TENANT, claim, get, make_job, make_spec, queue_many, submit


def ask(connection: sa.Connection, tenant: str = TENANT, **resources: object) -> Job:
    return submit(connection, make_spec(**resources), tenant)


def position(connection: sa.Connection, job: Job) -> int | None:
    return outlook.of(connection, job).position


def worker(
    connection: sa.Connection, name: str = "w", *, gpus: int = 0, slots: int = 1, free: int = 1
) -> None:
    facts = {"gpus": gpus, "slots": slots, "free": free, "busy": False, "draining": False}
    processes.report(connection, processes.WORKER, name, facts)


def waits_for(connection: sa.Connection, job: Job) -> str | None:
    return outlook.of(connection, get(connection, job.id)).waits_for


def test_a_position_counts_the_claims_that_come_before(connection: sa.Connection) -> None:
    tenants.set_quota(connection, "a", {"weight": 2})
    made = [ask(connection, t, priority=p) for p in (0, 3, 1) for t in ("a", "b", "a", "c")]
    told = {job.id: position(connection, job) for job in made}
    order = [claim(connection).job.id for _ in made]
    # Equal shares are told apart by what each was served meanwhile: that may be one for a tenant.
    assert all(abs(order.index(job_id) - place) <= 2 for job_id, place in told.items())
    assert told[order[0]] == 0


def test_a_small_tenant_does_not_wait_for_the_queue_of_a_large_one(
    connection: sa.Connection,
) -> None:
    queue_many(connection, "a", 1500)
    claim(connection)
    small = ask(connection, "b")
    assert position(connection, small) == 0
    assert position(connection, ask(connection, "a")) == outlook.MOST


def test_the_estimate_rests_on_the_slots_and_ones_own_last_jobs(
    connection: sa.Connection,
) -> None:
    done = ask(connection)
    claim(connection)
    endings.succeed(connection, done.id, 1, result={}, stored=[])
    hour_before = get(connection, done.id).finished_at - timedelta(hours=1)
    connection.execute(sa.update(jobs).values(started_at=hour_before))
    worker(connection, slots=2)
    queued = [ask(connection) for _ in range(4)]
    claim(connection)
    now = database_time(connection)
    starts = [outlook.of(connection, job).estimated_start_at - now for job in queued[1:]]
    minute = timedelta(minutes=1)
    assert starts[0] <= minute  # the second slot is free
    assert timedelta(minutes=30) <= starts[1] <= timedelta(minutes=31)
    assert timedelta(hours=1) <= starts[2] <= timedelta(hours=1) + minute


def test_a_paused_worker_starts_nothing(connection: sa.Connection) -> None:
    worker(connection, "paused", gpus=4, slots=4, free=3)
    job = ask(connection, gpus=4)
    running = make_job(connection, JobStatus.RUNNING, priority=1)
    assert outlook.of(connection, job).waits_for == "a free worker"
    processes.wish(connection, "paused", WorkerWish.PAUSE)
    assert waits_for(connection, job) == "a worker: those that are up are paused or leave"
    worker(connection, "w", slots=1)
    assert waits_for(connection, job) == "a worker with 4 GPUs: the largest that is up has 0"
    next_job = ask(connection, priority=1)
    start = outlook.of(connection, next_job).estimated_start_at
    assert start is not None, f"the slot of {running.id} is another worker's"


def test_nothing_is_estimated_without_experience(connection: sa.Connection) -> None:
    worker(connection)
    ask(connection)
    claim(connection)
    job = ask(connection)
    assert outlook.of(connection, job) == outlook.Outlook(0, None, "a free worker")


def test_a_job_that_is_not_queued_has_no_outlook(connection: sa.Connection) -> None:
    ask(connection)
    assert outlook.of(connection, claim(connection).job) == outlook.NOTHING


def test_what_a_job_waits_for_is_told(connection: sa.Connection) -> None:
    first = ask(connection)
    assert waits_for(connection, first) == "a worker: none is up"
    worker(connection)
    assert waits_for(connection, first) == "a free worker"
    second = ask(connection)
    assert waits_for(connection, second) == "1 job before it"
    assert waits_for(connection, ask(connection, after=[first.id])) == f"the success of {first.id}"
    later = ask(connection, run_after=datetime(2999, 1, 31, tzinfo=UTC))
    assert waits_for(connection, later) == "its time, 2999-01-31T00:00:00Z"


def test_what_the_quota_holds_back_is_told(connection: sa.Connection) -> None:
    worker(connection)
    ask(connection)
    job = ask(connection)
    claim(connection)
    tenants.set_quota(connection, TENANT, {"max_running": 1})
    assert "1 of the 1 slots" in str(waits_for(connection, job))
    tenants.set_quota(connection, TENANT, {"max_gpu_seconds": 0.0})
    assert "GPU-hours" in str(waits_for(connection, job))


def test_a_job_that_no_worker_can_run_says_so(connection: sa.Connection) -> None:
    worker(connection, gpus=4)
    job = make_job(connection, gpus=4)
    worker(connection, gpus=2)
    told = "a worker with 4 GPUs: the largest that is up has 2"
    assert outlook.of(connection, job).waits_for == told
    assert lifecycle.claim(connection, worker="w", gpus=2, lease_seconds=LEASE_S) is None
