"""Workers and dispatchers that are up, as they report themselves."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from jobs.dialect import now_plus
from jobs.errors import WorkerNotFound
from jobs.records import Process, columns
from jobs.states import JobStatus, WorkerState, WorkerWish
from jobs.tables import jobs, processes

LIVE_SECONDS = 30.0  # one that has been silent for longer counts as gone
FORGOTTEN_SECONDS = 24 * 3600.0

WORKER = "worker"
DISPATCHER = "dispatcher"
BACKUP = "backup"  # while there is one, no object is removed

_LIVE = (
    sa.select(*columns(Process, processes))
    .where(processes.c.role == sa.bindparam("role"), processes.c.seen_at > now_plus(-LIVE_SECONDS))
    .order_by(processes.c.name)
)


@dataclass(frozen=True)
class RunningJob:
    id: str
    tenant: str


@dataclass(frozen=True)
class Worker:
    """A live worker and the jobs of all tenants that run on it."""

    process: Process
    jobs: list[RunningJob]

    @property
    def state(self) -> WorkerState:
        if self.process.facts["draining"]:
            return WorkerState.LEAVING
        if self.process.wish is WorkerWish.DRAIN:
            return WorkerState.DRAINING if self.jobs else WorkerState.DRAINED
        return WorkerState.READY if self.process.wish is None else WorkerState.PAUSED


def report(
    connection: sa.Connection, role: str, name: str, facts: dict[str, Any]
) -> WorkerWish | None:
    """Say that this process is up, and what it can do; what an operator wishes of it."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    wish: WorkerWish | None = connection.execute(
        insert(processes)
        .values(role=role, name=name, started_at=now_plus(), seen_at=now_plus(), facts=facts)
        .on_conflict_do_update(
            index_elements=[processes.c.role, processes.c.name],
            set_={"seen_at": now_plus(), "facts": facts},
        )
        .returning(processes.c.wish)
    ).scalar_one()
    return wish


def renew(connection: sa.Connection, role: str, name: str) -> bool:
    """Say that this process is still up; False if it had been silent for too long already."""
    found = sa.update(processes).where(
        processes.c.role == role,
        processes.c.name == name,
        processes.c.seen_at > now_plus(-LIVE_SECONDS),
    )
    return bool(connection.execute(found.values(seen_at=now_plus())).rowcount)


def leave(connection: sa.Connection, role: str, name: str) -> None:
    """Say that this process has shut down."""
    connection.execute(
        sa.delete(processes).where(processes.c.role == role, processes.c.name == name)
    )


def live(connection: sa.Connection, role: str) -> list[Process]:
    """The processes of a role that have reported lately."""
    return [Process(*row) for row in connection.execute(_LIVE, {"role": role})]


def most_gpus(connection: sa.Connection) -> int | None:
    """GPUs of the largest live worker; None while no worker is up."""
    workers = live(connection, WORKER)
    return max((int(worker.facts["gpus"]) for worker in workers), default=None)


def most_gpus_taken(connection: sa.Connection) -> int:
    """GPUs of the largest worker that starts jobs; 0 while none does."""
    workers = live(connection, WORKER)
    return max((int(each.facts["gpus"]) for each in workers if takes_jobs(each)), default=0)


def free_slots(connection: sa.Connection) -> int:
    """How many more jobs the live workers would take now."""
    return sum(
        int(worker.facts.get("free", not worker.facts["busy"]))
        for worker in live(connection, WORKER)
        if takes_jobs(worker)
    )


def holders(connection: sa.Connection, job_id: str) -> list[str]:
    """Live workers, by name, that keep what they have free for this job."""
    return [
        worker.name
        for worker in live(connection, WORKER)
        if takes_jobs(worker) and worker.facts.get("holds_for") == job_id
    ]


def takes_jobs(worker: Process) -> bool:
    """Whether it starts jobs: it is not paused, nor leaves, nor is stuck."""
    facts = worker.facts
    return worker.wish is None and not facts["draining"] and not facts.get("stuck")


def may_claim(connection: sa.Connection, name: str) -> bool:
    """Whether no operator has paused this worker; a pause waits for this transaction's end."""
    wish = connection.execute(
        sa.select(processes.c.wish)
        .where(processes.c.role == WORKER, processes.c.name == name)
        .with_for_update(read=True)
    ).scalar()
    return wish is None


def list_workers(connection: sa.Connection) -> list[Worker]:
    """The live workers by name, with what each runs."""
    found = live(connection, WORKER)
    running = _running_on(connection, [worker.name for worker in found])
    return [Worker(worker, running[worker.name]) for worker in found]


def wish(connection: sa.Connection, name: str, wanted: WorkerWish | None) -> Worker:
    """Ask a worker to pause or to drain; None: to go on as usual. May be asked again.

    Once this is committed, the worker starts no job. It drains when it reports next.

    Raises:
        WorkerNotFound: no live worker has this name.
    """
    row = connection.execute(
        sa.update(processes)
        .where(
            processes.c.role == WORKER,
            processes.c.name == name,
            processes.c.seen_at > now_plus(-LIVE_SECONDS),
        )
        .values(wish=wanted)
        .returning(*columns(Process, processes))
    ).one_or_none()
    if row is None:
        raise WorkerNotFound(f"there is no live worker {name!r}; `GET /v1/workers` lists them")
    return Worker(Process(**row._mapping), _running_on(connection, [name])[name])


def _running_on(connection: sa.Connection, names: list[str]) -> dict[str, list[RunningJob]]:
    rows = connection.execute(
        sa.select(jobs.c.worker, jobs.c.id, jobs.c.tenant)
        .where(jobs.c.status == JobStatus.RUNNING, jobs.c.worker.in_(names))
        .order_by(jobs.c.id)
    )
    found: dict[str, list[RunningJob]] = {name: [] for name in names}
    for row in rows:
        found[row.worker].append(RunningJob(row.id, row.tenant))
    return found


def forget_silent(connection: sa.Connection) -> int:
    """Remove processes that have not reported for a day."""
    return connection.execute(
        sa.delete(processes).where(processes.c.seen_at < now_plus(-FORGOTTEN_SECONDS))
    ).rowcount
