"""Tenants: what each uses now, what it may use, and how much it was served lately.

A tenant's row is the last lock of a transaction: jobs first, then their tenant.
"""

import math
from typing import Any

import sqlalchemy as sa

from jobs.dialect import epoch_seconds, insert_new, now_plus
from jobs.errors import QueueFull, QuotaSpent
from jobs.prepared import Prepared
from jobs.records import Tenant, columns
from jobs.states import JobStatus
from jobs.tables import artifacts, checkpoints, jobs, tenants

RECENT_S = 3600.0  # a slot taken this long ago counts e times less than one taken now
COUNTED_QUEUED = 10_000  # a tenant that asks is told no larger number
FORGOTTEN = -50.0  # in powers of e: as good as nothing

TENANT_COLUMNS = columns(Tenant, tenants)
_ONE = Prepared(sa.select(*TENANT_COLUMNS).where(tenants.c.name == sa.bindparam("name")))
_WAITING = Prepared(sa.select(tenants.c.waiting).where(tenants.c.name == sa.bindparam("name")))
# What a job takes: its GPUs, and one slot where it needs none or one.
SLOTS: sa.ColumnElement[int] = sa.case((jobs.c.gpus > 1, jobs.c.gpus), else_=1)
BELOW_GPU_SECONDS = sa.or_(
    tenants.c.max_gpu_seconds.is_(None), tenants.c.gpu_seconds_used < tenants.c.max_gpu_seconds
)


def slots(gpus: int | None) -> int:
    """What a job takes of its tenant's share."""
    return max(1, gpus or 0)


def get(connection: sa.Connection, name: str) -> Tenant:
    """A tenant; one without a row yet uses nothing and has no quota."""
    rows = _ONE.rows(connection, {"name": name})
    if not rows:
        return Tenant(name, 1, 0, 0.0, False, 0.0, 0, None, None, None, None)
    return Tenant(*rows[0])


def ensure(connection: sa.Connection, name: str) -> None:
    """Make the row of a tenant that has none yet."""
    connection.execute(insert_new(connection, tenants).values(name=name))


def mark_waiting(connection: sa.Connection, name: str) -> None:
    """Say that a tenant has a job that may start; writes only if that is news."""
    marked = _WAITING.rows(connection, {"name": name})
    if marked == [(True,)]:
        return
    if not marked:
        ensure(connection, name)
    connection.execute(
        sa.update(tenants).where(tenants.c.name == name, ~tenants.c.waiting).values(waiting=True)
    )


def _running(running: sa.ColumnElement[int]) -> dict[str, sa.ColumnElement[Any]]:
    floored = sa.case((running < 0, 0), else_=running)
    share = sa.cast(floored, sa.Float) / tenants.c.weight
    return {"running": floored, "share": share}


def _recent(slots_taken: sa.ColumnElement[int]) -> sa.ColumnElement[float]:
    """Slots taken lately per weight, each counting less as it grows old, as a logarithm.

    All are measured from the same moment, so that those of two tenants can be compared at any time
    although nothing is written while they decay.
    """
    now = epoch_seconds() / RECENT_S
    old = sa.case((tenants.c.recent - now > FORGOTTEN, tenants.c.recent - now), else_=FORGOTTEN)
    return now + sa.func.ln(sa.func.exp(old) + sa.cast(slots_taken, sa.Float) / tenants.c.weight)


# Built once: building one costs more than sending it.
_OF_TENANT = tenants.c.name == sa.bindparam("tenant")
_TAKEN = sa.bindparam("taken", type_=sa.Integer)
_NEXT_SHARE = sa.bindparam("next_share", type_=sa.Float)
_STILL_FIRST = sa.or_(
    tenants.c.share < _NEXT_SHARE,
    sa.and_(
        tenants.c.share == _NEXT_SHARE,
        tenants.c.recent <= sa.bindparam("next_recent", type_=sa.Float),
    ),
)
_TAKE = (
    sa.update(tenants)
    .where(
        _OF_TENANT,
        _STILL_FIRST,
        sa.or_(
            tenants.c.max_running.is_(None), tenants.c.running + _TAKEN <= tenants.c.max_running
        ),
        BELOW_GPU_SECONDS,
    )
    .values(**_running(tenants.c.running + _TAKEN), recent=_recent(_TAKEN), served_at=now_plus())
)
_GIVE_BACK = (
    sa.update(tenants)
    .where(_OF_TENANT)
    .values(
        **_running(tenants.c.running - _TAKEN),
        gpu_seconds_used=tenants.c.gpu_seconds_used + sa.bindparam("charged", type_=sa.Float),
    )
)


def take_slots(connection: sa.Connection, name: str, count: int, *, ahead_of: Any) -> bool:
    """Count a claim; False if the tenant may not run that much now, or if its turn has passed.

    That is when it was served since the row `ahead_of`, the tenant after it, was read.
    """
    share, recent = (math.inf, 0.0) if ahead_of is None else (ahead_of.share, ahead_of.recent)
    values = {"tenant": name, "taken": count, "next_share": share, "next_recent": recent}
    return bool(connection.execute(_TAKE, values).rowcount)


def give_back(connection: sa.Connection, name: str, gpus: int | None, seconds: float) -> None:
    """Count the end of an attempt that ran so long."""
    charged = (1 if gpus is None else gpus) * max(seconds, 0.0)
    values = {"tenant": name, "taken": slots(gpus), "charged": charged}
    connection.execute(_GIVE_BACK, values)


def add_stored(connection: sa.Connection, name: str, size_bytes: int) -> None:
    """Count objects that were stored, or, less than 0, removed."""
    if not size_bytes:
        return
    stored = tenants.c.stored_bytes + size_bytes
    connection.execute(
        sa.update(tenants)
        .where(tenants.c.name == name)
        .values(stored_bytes=sa.case((stored < 0, 0), else_=stored))
    )


def stored_by(connection: sa.Connection, job_id: str) -> int:
    """What a job's checkpoints and artifacts take, in bytes."""
    return sum(
        int(
            connection.scalar(
                sa.select(sa.func.coalesce(sa.func.sum(table.c.size_bytes), 0)).where(
                    table.c.job_id == job_id
                )
            )
            or 0
        )
        for table in (checkpoints, artifacts)
    )


def wrong_stored(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """By tenant whose stored bytes are counted wrong: what is counted, and what is true."""
    return {
        name: (int(counted), int(true))
        for name, counted, true in connection.execute(_STORED.order_by(tenants.c.name))
        if counted != true
    }


def repair_stored(connection: sa.Connection, name: str) -> None:
    """Count a tenant's stored bytes anew."""
    only = tenants.c.name == name
    # Whoever has stored or removed something and not yet counted it waits, and counts afterwards.
    connection.execute(sa.select(tenants.c.name).where(only).with_for_update())
    _, _, true = connection.execute(_STORED.where(only)).one()
    connection.execute(sa.update(tenants).where(only).values(stored_bytes=true))


def _bytes_in(table: sa.Table) -> Any:
    total = sa.func.coalesce(sa.func.sum(table.c.size_bytes), 0)
    of_tenant = sa.select(total).join_from(table, jobs, jobs.c.id == table.c.job_id)
    return of_tenant.where(jobs.c.tenant == tenants.c.name).scalar_subquery()


_STORED = sa.select(
    tenants.c.name, tenants.c.stored_bytes, _bytes_in(checkpoints) + _bytes_in(artifacts)
)


def check_room(connection: sa.Connection, name: str, gpus: int | None) -> None:
    """May this tenant queue another job? Two submits at once may both take the last place.

    Raises:
        QueueFull: as many jobs wait as may wait.
        QuotaSpent: GPU time or storage is used up, or the job alone is larger than the quota.
    """
    tenant = get(connection, name)
    if tenant.max_running is not None and slots(gpus) > tenant.max_running:
        raise QuotaSpent(
            f"resources.gpus: {gpus} GPUs were asked for, tenant {name} may run "
            f"{tenant.max_running} at once; ask for fewer, or ask the operator for more"
        )
    if tenant.max_gpu_seconds is not None and tenant.gpu_seconds_used >= tenant.max_gpu_seconds:
        raise QuotaSpent(
            f"tenant {name} has used {tenant.gpu_seconds_used / 3600:.2f} of "
            f"{tenant.max_gpu_seconds / 3600:.2f} GPU-hours; ask the operator for more"
        )
    if tenant.max_stored_bytes is not None and tenant.stored_bytes >= tenant.max_stored_bytes:
        raise QuotaSpent(
            f"tenant {name} stores {tenant.stored_bytes:,} of {tenant.max_stored_bytes:,} bytes; "
            "delete jobs that are no longer needed (`netaug jobs delete ID` frees their files)"
        )
    if tenant.max_queued is not None and queued(connection, name, tenant.max_queued) >= (
        tenant.max_queued
    ):
        raise QueueFull(
            f"tenant {name} has {tenant.max_queued} queued jobs, as many as it may; submit again "
            "when one has started, or cancel one"
        )


def queued(connection: sa.Connection, name: str, most: int) -> int:
    """How many jobs of a tenant are queued; `most` stands for that many or more."""
    some = (
        sa.select(sa.literal(1))
        .where(jobs.c.tenant == name, jobs.c.status == JobStatus.QUEUED)
        .limit(most)
        .subquery()
    )
    return int(connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)


def set_quota(connection: sa.Connection, name: str, values: dict[str, Any]) -> Tenant:
    """Set a tenant's weight and quotas, those that `values` names by their columns."""
    ensure(connection, name)
    if values:
        connection.execute(sa.update(tenants).where(tenants.c.name == name).values(**values))
    connection.execute(
        sa.update(tenants).where(tenants.c.name == name).values(**_running(tenants.c.running + 0))
    )
    return get(connection, name)


def repair_running(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """Count the slots in use anew; by tenant, what was counted and what is true."""
    wrong = [
        name for name, counted, true in connection.execute(_counted_and_true()) if counted != true
    ]
    repaired = {}
    for name in sorted(wrong):
        # Whoever has changed a job's state and not yet this row waits, and counts afterwards.
        only = tenants.c.name == name
        connection.execute(sa.select(tenants.c.name).where(only).with_for_update())
        _, counted, true = connection.execute(_counted_and_true().where(only)).one()
        if counted != true:
            fixed = _running(sa.literal(true, sa.Integer))
            connection.execute(sa.update(tenants).where(only).values(**fixed))
            repaired[name] = (counted, true)
    return repaired


def _counted_and_true() -> sa.Select[Any]:
    used = (
        sa.select(jobs.c.tenant, sa.func.sum(SLOTS).label("slots"))
        .where(jobs.c.status == JobStatus.RUNNING)
        .group_by(jobs.c.tenant)
        .subquery()
    )
    true = sa.func.coalesce(used.c.slots, 0)
    return sa.select(tenants.c.name, tenants.c.running, true).outerjoin(
        used, used.c.tenant == tenants.c.name
    )
