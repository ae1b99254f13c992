"""Whose turn it is: the tenant that runs least for its weight, and its most urgent job that fits.

No part of it reads more rows because more jobs are queued.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from jobs import processes
from jobs import tenants as quotas
from jobs.tables import jobs, tenants

MOST_GPUS = 64  # that a spec may ask for
TRIES = 50  # choices that other claimers foil, before this claim gives up
# Written out, not bound: a plan that was prepared for any value could not use the partial indexes.
QUEUED = jobs.c.status == sa.literal_column("'queued'")
READY = sa.and_(QUEUED, jobs.c.ready)
NEEDS: sa.ColumnElement[int] = sa.func.coalesce(jobs.c.gpus, sa.literal_column("0"))
_ORDER = (jobs.c.priority.desc(), jobs.c.id)


@dataclass(frozen=True)
class Turn:
    """A job that this transaction holds, and that may start."""

    job_id: str
    tenant: str


def next_job(connection: sa.Connection, *, gpus: int) -> Turn | None:
    """Lock the job whose turn it is on a worker with so many free GPUs, and count it as running.

    Returns:
        None if no job may start there, or other claimers were faster.
    """
    # Tenants whose jobs other claimers hold, or whose more urgent ones need the slots that are left
    # to them: if less urgent ones took those, they would never start.
    busy: list[str] = []
    for _ in range(TRIES):
        first, second = _first_two(connection, gpus, busy)
        if first is None:
            return None
        # Given up, a choice lets its locks go: to wait for another tenant's row with this one's
        # locked could be waiting in a circle.
        with connection.begin_nested() as choice:
            held = _hold(connection, first.name, min(gpus, first.most))
            if held is None or not _leaves_room(connection, first, held, gpus):
                busy.append(first.name)
            elif quotas.take_slots(
                connection, first.name, quotas.slots(held.gpus), ahead_of=second
            ):
                return Turn(held.id, first.name)
            choice.rollback()
    return None


def _first_two(connection: sa.Connection, gpus: int, busy: list[str]) -> tuple[Any, Any]:
    found = connection.execute(_TENANTS, {"gpus": gpus, "busy": busy}).all()
    first, second, *_ = (*found, None, None)
    return first, second


def _next_tenants() -> sa.Select[Any]:
    most = sa.func.coalesce(tenants.c.max_running, sa.literal_column("1000000"))
    room = sa.func.coalesce(tenants.c.max_running - tenants.c.running, sa.literal_column("1000000"))
    gpus = sa.bindparam("gpus", type_=sa.Integer)
    fits = sa.case((room < gpus, room), else_=gpus) >= NEEDS
    # LIMIT keeps it a probe of each tenant in turn: the planner would join an EXISTS.
    has_job = (
        sa.select(sa.literal_column("1"))
        .where(jobs.c.tenant == tenants.c.name, READY, fits)
        .order_by(NEEDS)
        .limit(1)
        .correlate(tenants)
        .scalar_subquery()
    )
    return (
        sa.select(
            tenants.c.name,
            tenants.c.share,
            tenants.c.recent,
            room.label("room"),
            most.label("most"),
        )
        .where(
            tenants.c.waiting,
            room >= 1,
            quotas.BELOW_GPU_SECONDS,
            tenants.c.name.not_in(sa.bindparam("busy", expanding=True)),
            has_job.is_not(None),
        )
        .order_by(tenants.c.share, tenants.c.recent, tenants.c.name)
        .limit(2)
    )


_TENANTS = _next_tenants()


def _hold(connection: sa.Connection, tenant: str, gpus: int) -> Any:
    """The tenant's most urgent job that fits, locked; None if others hold them."""
    needs = 0
    if gpus:
        first = connection.execute(_first_of_each_size(range(gpus + 1)), {"tenant": tenant}).first()
        if first is None:
            return None
        needs = first.needs
    return connection.execute(_LOCKED, {"tenant": tenant, "needs": needs}).first()


def _leaves_room(connection: sa.Connection, tenant: Any, held: Any, gpus: int) -> bool:
    """Whether its tenant may run it, and then still a more urgent one for larger workers only."""
    left = tenant.room - quotas.slots(held.gpus)
    if left < 0:
        return False
    # Of those that fit here none is more urgent, and those that fit into what is left may start.
    most = min(tenant.most, MOST_GPUS)
    if left >= most or gpus >= most:
        return True
    most = min(most, processes.most_gpus_taken(connection))
    sizes = range(max(gpus, left) + 1, most + 1)
    if not sizes:
        return True
    larger = connection.execute(_first_of_each_size(sizes), {"tenant": tenant.name}).first()
    return larger is None or (-larger.priority, larger.id) > (-held.priority, held.id)


def _of_size(needs: sa.ColumnElement[int]) -> sa.Select[Any]:
    return (
        sa.select(jobs.c.id, jobs.c.gpus, jobs.c.priority, NEEDS.label("needs"))
        .where(jobs.c.tenant == sa.bindparam("tenant"), READY, needs == NEEDS)
        .order_by(*_ORDER)
        .limit(1)
    )


_LOCKED = _of_size(sa.bindparam("needs", type_=sa.Integer)).with_for_update(skip_locked=True)


@lru_cache(maxsize=256)
def _first_of_each_size(sizes: range) -> sa.Select[Any]:
    """Of each number of GPUs its most urgent job, the most urgent of those first."""
    each = [sa.select(_of_size(sa.literal_column(str(n))).subquery()) for n in sizes]
    found = sa.union_all(*each).subquery()
    return sa.select(found).order_by(found.c.priority.desc(), found.c.id).limit(1)
