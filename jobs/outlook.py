"""What a queued job waits for, how many jobs start before it, and about when it starts."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from jobs import dependencies, processes, tenants
from jobs.dialect import database_time
from jobs.records import Job, Process, Tenant
from jobs.states import JobStatus
from jobs.tables import jobs
from jobs.tables import tenants as tenant_table
from jobs.turns import NEEDS, READY

MOST = 1000  # a position that stands for itself or any larger one
RECENT_JOBS = 20  # whose durations the estimate rests on


@dataclass(frozen=True)
class Outlook:
    """How a queued job stands. `position` counts the jobs that start before it; see `position`."""

    position: int | None
    estimated_start_at: datetime | None
    waits_for: str | None


NOTHING = Outlook(None, None, None)


def of(connection: sa.Connection, job: Job) -> Outlook:
    """How a job stands; nothing of one that is not queued."""
    if job.status is not JobStatus.QUEUED:
        return NOTHING
    now = database_time(connection)
    if not job.ready:
        start = job.run_after if job.run_after > now and not job.blocked_by else None
        return Outlook(None, start, _not_ready(connection, job))
    tenant = tenants.get(connection, job.tenant)
    workers = processes.live(connection, processes.WORKER)
    place = position(connection, job, tenant)
    held = _held_by_quota(tenant, job) or _no_worker(workers, job)
    if held is not None:
        return Outlook(place, None, held)
    return Outlook(place, _estimate(connection, job, place, workers, now), _in_line(place))


def _not_ready(connection: sa.Connection, job: Job) -> str:
    if job.blocked_by:
        needed = dependencies.unmet(connection, job.id)
        return f"the success of {', '.join(needed)}"
    return f"its time, {job.run_after.isoformat().replace('+00:00', 'Z')}"


def _held_by_quota(tenant: Tenant, job: Job) -> str | None:
    spent = tenant.max_gpu_seconds is not None and tenant.gpu_seconds_used >= tenant.max_gpu_seconds
    if spent:
        return "GPU-hours: your tenant has used up its own"
    if tenant.max_running is None or tenant.running + tenants.slots(job.gpus) <= tenant.max_running:
        return None
    return (
        f"your tenant's other jobs: {tenant.running} of the {tenant.max_running} slots that it "
        "may use at once are taken"
    )


def _no_worker(workers: list[Process], job: Job) -> str | None:
    if not workers:
        return "a worker: none is up"
    taking = [worker for worker in workers if processes.takes_jobs(worker)]
    if not taking:
        return "a worker: those that are up are paused or leave"
    most = max(int(worker.facts["gpus"]) for worker in taking)
    if (job.gpus or 0) > most:
        return f"a worker with {job.gpus} GPUs: the largest that is up has {most}"
    return None


def _in_line(place: int) -> str:
    if place == 0:
        return "a free worker"
    many = f"{MOST} or more" if place >= MOST else str(place)
    return f"{many} {'job' if place == 1 else 'jobs'} before it"


def position(connection: sa.Connection, job: Job, tenant: Tenant) -> int:
    """How many ready jobs start before this one, at most MOST.

    That is by the rule of `turns`, if no job ended, none was submitted and each fitted its worker:
    its tenant's more urgent jobs, and of each other tenant those that start while that tenant's
    share is the smaller.
    """
    before = {"tenant": job.tenant, "priority": job.priority, "id": job.id}
    ahead = int(connection.scalar(_MORE_URGENT, before) or 0)
    share = (tenant.running + ahead) / tenant.weight
    standing = {"tenant": job.tenant, "share": share, "recent": tenant.recent}
    others = connection.execute(_OTHERS, standing).all()
    by_turns: dict[int, list[str]] = {}
    for other in others:
        turns = max(1, math.ceil(share * other.weight - other.running))
        by_turns.setdefault(turns, []).append(other.name)
    for turns, names in sorted(by_turns.items()):
        if ahead < MOST:
            of_each = {"names": names, "most": min(turns, MOST - ahead)}
            ahead += int(connection.scalar(_OF_EACH, of_each) or 0)
    return min(ahead, MOST)


def _at_most(most: sa.ColumnElement[int], some: sa.Select[int]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(some.limit(most).subquery()).scalar_subquery()


def _count_more_urgent() -> sa.Select[int]:
    """A tenant's ready jobs before one, of each number of GPUs at most 2 * MOST.

    By ranges of the index of ready jobs: nothing is read that does not count.
    """
    mine = (jobs.c.tenant == sa.bindparam("tenant"), READY)
    priority = sa.bindparam("priority", type_=sa.Integer)
    sizes = _sizes(mine)
    of_size = sa.select(sa.literal(1)).where(*mine, sizes.c.needs == NEEDS)
    before = (
        of_size.where(jobs.c.priority > priority),
        of_size.where(jobs.c.priority == priority, jobs.c.id < sa.bindparam("id")),
    )
    higher, older = (_at_most(sa.literal(MOST), some.correlate(sizes)) for some in before)
    return sa.select(sa.func.sum(higher + older)).where(sizes.c.needs.is_not(None))


def _sizes(mine: tuple[sa.ColumnElement[bool], ...]) -> sa.CTE:
    """Each number of GPUs that these jobs need, by one look into the index for each."""
    least = sa.select(NEEDS).where(*mine).order_by(NEEDS).limit(1)
    sizes = sa.select(least.scalar_subquery().label("needs")).cte("sizes", recursive=True)
    larger = least.where(sizes.c.needs < NEEDS).correlate(sizes).scalar_subquery()
    return sizes.union_all(sa.select(larger).where(sizes.c.needs.is_not(None)))


def _count_of_each() -> sa.Select[int]:
    """The ready jobs of some tenants, of each so many at most."""
    of_one = sa.select(sa.literal(1)).where(jobs.c.tenant == tenant_table.c.name, READY)
    # Ordered as the index has them: the planner might read the table.
    most = sa.bindparam("most", type_=sa.Integer)
    each = _at_most(most, of_one.order_by(NEEDS).correlate(tenant_table))
    named = tenant_table.c.name.in_(sa.bindparam("names", expanding=True))
    return sa.select(sa.func.sum(each)).where(named)


# Built once: building one costs more than sending it.
_MORE_URGENT = _count_more_urgent()
_OF_EACH = _count_of_each()
_SHARE = sa.bindparam("share", type_=sa.Float)
_RECENT = sa.bindparam("recent", type_=sa.Float)
_OTHERS = (
    sa.select(tenant_table.c.name, tenant_table.c.running, tenant_table.c.weight)
    .where(
        tenant_table.c.waiting,
        tenant_table.c.name != sa.bindparam("tenant"),
        sa.or_(
            tenant_table.c.share < _SHARE,
            sa.and_(tenant_table.c.share == _SHARE, tenant_table.c.recent < _RECENT),
        ),
    )
    .order_by(tenant_table.c.share, tenant_table.c.recent)
    .limit(MOST)
)
_RUNNING = sa.select(sa.func.sum(tenant_table.c.running))
_DURATIONS = (
    sa.select(jobs.c.started_at, jobs.c.finished_at)
    .where(jobs.c.tenant == sa.bindparam("tenant"), jobs.c.status == JobStatus.SUCCEEDED)
    .order_by(jobs.c.id.desc())
    .limit(RECENT_JOBS)
)


def _estimate(
    connection: sa.Connection, job: Job, place: int, workers: list[Process], now: datetime
) -> datetime | None:
    """About when a slot is free, to the next minute; None while this tenant has no experience.

    Jobs last as long as this tenant's last ones did, and those that run now end evenly spread.
    Only workers that take jobs have slots to offer.
    """
    if place >= MOST:
        return None
    num_slots = elsewhere = 0
    for worker in workers:
        slots = int(worker.facts.get("slots", 1))
        if processes.takes_jobs(worker):
            num_slots += slots
        else:
            elsewhere += slots - int(worker.facts.get("free", 0))
    running = connection.scalar(_RUNNING) or 0
    used = max(int(running) - elsewhere, 0)
    rounds = (place + 1 - max(num_slots - used, 0)) / num_slots
    if rounds <= 0:
        return _next_minute(now)
    lasts = _mean_seconds(connection, job.tenant)
    return None if lasts is None else _next_minute(now + timedelta(seconds=rounds * lasts))


def _next_minute(moment: datetime) -> datetime:
    """Rounded, so that an answer stays the same for a while."""
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _mean_seconds(connection: sa.Connection, tenant: str) -> float | None:
    rows = connection.execute(_DURATIONS, {"tenant": tenant}).all()
    if not rows:
        return None
    lasted: list[timedelta] = [row.finished_at - row.started_at for row in rows]
    return sum(lasted, timedelta()).total_seconds() / len(lasted)
