"""Whose job starts next: tenants by their shares, and a tenant's own jobs by urgency."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import db, endings, lifecycle, processes, tenants, waiting, wishes
from jobs.lifecycle import Claim
from jobs.records import Job
from jobs.tables import jobs
from jobs.tables import tenants as tenant_table
from tests.builders import LAPSED_S, LEASE_S, TENANT, claim, make_spec, queue_many, submit

AtOnce = Callable[[list[Callable[[sa.Connection], object]]], list[object]]


def queue(connection: sa.Connection, tenant: str, count: int = 1, **resources: object) -> list[Job]:
    return [submit(connection, make_spec(**resources), tenant) for _ in range(count)]


def try_claim(connection: sa.Connection, gpus: int = 0) -> Claim | None:
    return lifecycle.claim(connection, worker="w", gpus=gpus, lease_seconds=LEASE_S)


def claimed(connection: sa.Connection, count: int) -> list[str]:
    """The tenants of the next claims."""
    return [claim(connection).job.tenant for _ in range(count)]


def running(connection: sa.Connection, tenant: str) -> int:
    return tenants.get(connection, tenant).running


def test_a_small_tenants_job_starts_although_another_queued_ten_thousand(
    connection: sa.Connection,
) -> None:
    queue_many(connection, "a", 10_000, priority=100)
    claim(connection)
    (small,) = queue(connection, "b", priority=-100)
    assert claim(connection).job.id == small.id
    assert claimed(connection, 3) == ["a", "a", "a"]


def test_running_slots_follow_the_weights(connection: sa.Connection) -> None:
    tenants.set_quota(connection, "a", {"weight": 3})
    queue(connection, "a", 12)
    queue(connection, "b", 12)
    assert Counter(claimed(connection, 12)) == {"a": 9, "b": 3}


def test_one_slot_is_handed_on_by_weight_too(connection: sa.Connection) -> None:
    tenants.set_quota(connection, "a", {"weight": 3})
    queue(connection, "a", 15)
    queue(connection, "b", 15)
    served = Counter()
    for _ in range(12):
        job = claim(connection).job
        served[job.tenant] += 1
        endings.succeed(connection, job.id, 1, result={}, stored=[])
    assert served == {"a": 9, "b": 3}


def test_a_tenants_own_jobs_start_by_priority_then_age(connection: sa.Connection) -> None:
    low, first, second = (queue(connection, "a", priority=p)[0] for p in (0, 5, 5))
    assert [claim(connection).job.id for _ in range(3)] == [first.id, second.id, low.id]


def test_the_most_urgent_job_that_fits_the_worker_is_taken(connection: sa.Connection) -> None:
    (cpu,) = queue(connection, "a", priority=1)
    (one,) = queue(connection, "a", gpus=1, priority=3)
    (zero,) = queue(connection, "a", gpus=0, priority=2)
    assert try_claim(connection, 0).job.id == zero.id
    assert try_claim(connection, 4).job.id == one.id
    assert try_claim(connection, 4).job.id == cpu.id
    assert try_claim(connection, 4) is None


def test_a_job_of_many_gpus_counts_as_many_slots(connection: sa.Connection) -> None:
    (job,) = queue(connection, "a")
    connection.execute(sa.update(jobs).values(gpus=4))
    assert try_claim(connection, 3) is None
    assert try_claim(connection, 4).job.id == job.id
    assert running(connection, "a") == 4
    endings.succeed(connection, job.id, 1, result={}, stored=[])
    assert running(connection, "a") == 0


def test_a_tenants_large_job_is_not_overtaken_by_its_small_ones(
    connection: sa.Connection,
) -> None:
    tenants.set_quota(connection, "a", {"max_running": 4})
    small = queue(connection, "a", 2)
    for job in small:
        assert try_claim(connection, 4).job.id == job.id
    (large,) = queue(connection, "a")
    connection.execute(sa.update(jobs).where(jobs.c.id == large.id).values(gpus=4))
    (overtakes,) = queue(connection, "a")
    (others,) = queue(connection, "b")
    assert try_claim(connection, 4).job.id == others.id
    assert try_claim(connection, 4) is None
    for job in small:
        endings.succeed(connection, job.id, 1, result={}, stored=[])
    assert try_claim(connection, 4).job.id == large.id
    endings.succeed(connection, large.id, 1, result={}, stored=[])
    assert try_claim(connection, 4).job.id == overtakes.id


def report_worker(connection: sa.Connection, *, gpus: int, **facts: object) -> None:
    told = {"gpus": gpus, "draining": False, **facts}
    processes.report(connection, processes.WORKER, "large", told)


def test_a_tenants_large_job_is_not_overtaken_by_small_ones_on_a_smaller_worker(
    connection: sa.Connection,
) -> None:
    # fails if the smaller worker takes what it can see: the large job waited as long as that came
    report_worker(connection, gpus=4)
    tenants.set_quota(connection, "a", {"max_running": 4})
    (first,) = queue(connection, "a")
    assert try_claim(connection, 1).job.id == first.id
    (large,) = queue(connection, "a", gpus=4)
    (overtakes,) = queue(connection, "a")
    (urgent,) = queue(connection, "a", priority=1)
    (others,) = queue(connection, "b")
    assert try_claim(connection, 1).job.id == others.id
    assert try_claim(connection, 1).job.id == urgent.id
    for job in (first, urgent):
        assert try_claim(connection, 1) is None
        endings.succeed(connection, job.id, 1, result={}, stored=[])
    assert try_claim(connection, 1) is None
    assert try_claim(connection, 4).job.id == large.id
    endings.succeed(connection, large.id, 1, result={}, stored=[])
    assert try_claim(connection, 1).job.id == overtakes.id


def test_a_large_job_keeps_no_more_than_it_needs(connection: sa.Connection) -> None:
    report_worker(connection, gpus=4)
    tenants.set_quota(connection, "a", {"max_running": 5})
    queue(connection, "a", gpus=4)
    small = queue(connection, "a", 2)
    assert try_claim(connection, 1).job.id == small[0].id
    assert try_claim(connection, 1) is None


@pytest.mark.parametrize(
    "worker",
    [{"gpus": 2}, {"gpus": 4, "draining": True}, {"gpus": 4, "stuck": ["job_1"]}],
    ids=["too small", "leaves", "stuck"],
)
def test_a_large_job_that_no_worker_can_take_holds_up_no_other(
    connection: sa.Connection, worker: dict[str, Any]
) -> None:
    tenants.set_quota(connection, "a", {"max_running": 4})
    report_worker(connection, gpus=4)
    queue(connection, "a", gpus=4)
    report_worker(connection, **worker)
    (small,) = queue(connection, "a")
    assert try_claim(connection, 1).job.id == small.id


def test_a_job_beyond_its_tenants_whole_quota_holds_up_no_other(
    connection: sa.Connection,
) -> None:
    (large, small) = queue(connection, "a", 2)
    connection.execute(sa.update(jobs).where(jobs.c.id == large.id).values(gpus=4))
    tenants.set_quota(connection, "a", {"max_running": 2})
    assert try_claim(connection, 4).job.id == small.id


@pytest.mark.parametrize("end", ["succeed", "fail", "cancelled", "release", "expire"])
def test_every_end_gives_the_slot_back(connection: sa.Connection, end: str) -> None:
    submit(connection)
    job = claim(connection, LAPSED_S).job
    assert running(connection, TENANT) == 1
    if end == "succeed":
        endings.succeed(connection, job.id, 1, result={}, stored=[])
    elif end == "fail":
        endings.fail(connection, job.id, 1, lifecycle.Ending("failed", "diverged", "x", 1))
    elif end == "expire":
        endings.expire_leases(connection)
    else:
        getattr(endings, end)(connection, job.id, 1)
    assert running(connection, TENANT) == 0


def test_a_tenant_that_was_not_marked_is_found_within_a_period(connection: sa.Connection) -> None:
    (job,) = queue(connection, "a")
    connection.execute(sa.delete(tenant_table))  # as the previous release would leave it
    assert try_claim(connection) is None
    waiting.mark_missed(connection)
    assert claim(connection).job.id == job.id


def test_a_tenant_without_jobs_is_passed_over_then_unmarked(connection: sa.Connection) -> None:
    (mine,) = queue(connection, "a")
    (other,) = queue(connection, "b")
    wishes.cancel(connection, "a", mine.id)
    assert claim(connection).job.id == other.id
    waiting.unmark_idle(connection)
    assert not tenants.get(connection, "a").waiting


def test_a_mark_is_kept_if_a_job_came_since_none_was_seen(postgres_engine: sa.Engine) -> None:
    with db.writing(postgres_engine) as connection:
        (job,) = queue(connection, "a")
        wishes.cancel(connection, "a", job.id)

    with postgres_engine.begin() as repair:

        def submit_before_it_is_cleared(
            _connection: object, _cursor: object, statement: str, *_rest: object
        ) -> None:
            if statement.startswith("UPDATE tenants"):
                with db.writing(postgres_engine) as connection:
                    queue(connection, "a")

        sa.event.listen(repair, "before_cursor_execute", submit_before_it_is_cleared)
        waiting.unmark_idle(repair)
    with db.reading(postgres_engine) as connection:
        assert tenants.get(connection, "a").waiting


def test_wrong_counts_are_repaired_and_told(connection: sa.Connection) -> None:
    queue(connection, "a", 2)
    claimed(connection, 2)
    queue(connection, "b")
    connection.execute(sa.update(tenant_table).values(running=7))
    assert tenants.repair_running(connection) == {"a": (7, 2), "b": (7, 0)}
    assert tenants.repair_running(connection) == {}
    assert claimed(connection, 1) == ["b"]


def test_claims_at_once_keep_the_count_and_the_quota(engine: sa.Engine, at_once: AtOnce) -> None:
    with db.writing(engine) as connection:
        queue(connection, "a", 12)
        tenants.set_quota(connection, "a", {"max_running": 5})
    for _ in range(3):
        at_once([try_claim] * 8)
    with db.writing(engine) as connection:
        assert running(connection, "a") == 5
        assert tenants.repair_running(connection) == {}
        assert try_claim(connection) is None


@pytest.mark.parametrize("limit", [None, 1], ids=["by share", "by quota"])
def test_a_tenant_that_was_served_meanwhile_gives_its_turn_to_the_next(
    postgres_engine: sa.Engine, limit: int | None
) -> None:
    with db.writing(postgres_engine) as connection:
        queue(connection, "a", 3)
        queue(connection, "b")
        tenants.set_quota(connection, "a", {"max_running": limit})

    with postgres_engine.begin() as late:
        faster: list[Claim | None] = []

        def claim_before_the_count(
            _connection: object, _cursor: object, statement: str, *_rest: object
        ) -> None:
            if statement.startswith("UPDATE tenants") and not faster:
                with db.writing(postgres_engine) as connection:
                    faster.append(try_claim(connection))

        sa.event.listen(late, "before_cursor_execute", claim_before_the_count)
        took = try_claim(late)
    assert [one and one.job.tenant for one in (*faster, took)] == ["a", "b"]


def test_claims_at_once_are_shared_by_the_tenants(engine: sa.Engine, at_once: AtOnce) -> None:
    with db.writing(engine) as connection:
        queue(connection, "a", 8)
        queue(connection, "b", 8)
    took = at_once([try_claim] * 8)
    assert Counter(one and one.job.tenant for one in took) == {"a": 4, "b": 4}


def test_a_job_that_is_submitted_beside_claims_is_found(engine: sa.Engine, at_once: AtOnce) -> None:
    for _ in range(10):
        made = at_once([lambda c: submit(c).id, try_claim, waiting.unmark_idle])
        with db.writing(engine) as connection:
            waiting.mark_missed(connection)
            if made[1] is None:
                assert claim(connection).job.id == made[0]


def test_reconcilers_and_endings_of_many_tenants_do_not_block_each_other(
    engine: sa.Engine, at_once: AtOnce
) -> None:
    with db.writing(engine) as connection:
        for tenant in "abcdef" * 2:
            queue(connection, tenant)
        for _ in range(12):
            claim(connection, LAPSED_S)
    expired = at_once([lambda c: endings.expire_leases(c, limit=4)] * 4 + [try_claim] * 4)
    assert sum(len(ids) for ids in expired[:4]) == 12
    with db.writing(engine) as connection:
        assert tenants.repair_running(connection) == {}


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    weights=st.tuples(*[st.integers(1, 4)] * 3),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("submit"), st.sampled_from("abc"), st.integers(-2, 2)),
            st.just(("claim", "", 0)),
            st.tuples(st.just("end"), st.sampled_from("abc"), st.just(0)),
        ),
        min_size=5,
        max_size=25,
    ),
)
def test_claims_follow_the_fair_order(
    engine: sa.Engine, weights: tuple[int, int, int], steps: list[tuple[str, str, int]]
) -> None:
    """Against a model that knows only: least running by weight, then priority, then age."""
    with engine.connect() as connection:
        for tenant, weight in zip("abc", weights, strict=True):
            tenants.set_quota(connection, tenant, {"weight": weight})
        waits: dict[str, list[tuple[int, str]]] = {t: [] for t in "abc"}
        runs: dict[str, list[str]] = {t: [] for t in "abc"}
        weight_of = dict(zip("abc", weights, strict=True))
        for step, tenant, priority in steps:
            if step == "submit":
                (job,) = queue(connection, tenant, priority=priority)
                waits[tenant].append((-priority, job.id))
            elif step == "end" and runs[tenant]:
                endings.succeed(connection, runs[tenant].pop(), 1, result={}, stored=[])
            elif step == "claim":
                took = try_claim(connection)
                shares = {t: len(runs[t]) / weight_of[t] for t in "abc" if waits[t]}
                assert (took is None) == (not shares)
                if took is not None:
                    chosen = took.job.tenant
                    assert shares[chosen] == min(shares.values())
                    assert took.job.id == min(waits[chosen])[1]
                    waits[chosen].remove(min(waits[chosen]))
                    runs[chosen].append(took.job.id)
        connection.rollback()
