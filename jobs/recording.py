"""What a running attempt leaves behind. lifecycle.py has fenced it before."""

import math
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from jobs.dialect import insert_many_new, insert_new, now_plus
from jobs.prepared import Prepared
from jobs.records import MetricPoint
from jobs.states import EventType
from jobs.tables import attempts, checkpoints, events, jobs, metrics

_APPEND_EVENTS = sa.insert(events).values(created_at=now_plus())
_APPEND_EVENT = Prepared(_APPEND_EVENTS, columns=("job_id", "seq", "type", "attempt", "data"))


@dataclass(frozen=True)
class Entry:
    """An event that has no sequence number yet."""

    type: EventType
    data: dict[str, Any]


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint whose bytes are in storage already."""

    step: int
    epoch: int
    storage_key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class StartFacts:
    """What the trainer said when data and network were ready."""

    from_step: int
    dataset_digest: str
    environment: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What an attempt has to tell since its last report. `batch` counts from 1 in each attempt."""

    batch: int
    progress: dict[str, Any] | None = None
    entries: tuple[Entry, ...] = ()
    metrics: tuple[MetricPoint, ...] = ()
    checkpoints: tuple[StoredCheckpoint, ...] = ()
    started: StartFacts | None = None
    last_step: int | None = None
    seconds_used: float | None = None  # of the time limit, earlier attempts included

    all_entries: tuple[Entry, ...] = field(init=False)

    def __post_init__(self) -> None:
        written = tuple(
            Entry(
                EventType.CHECKPOINT,
                {"step": c.step, "epoch": c.epoch, "size_bytes": c.size_bytes, "sha256": c.sha256},
            )
            for c in self.checkpoints
        )
        object.__setattr__(self, "all_entries", self.entries + written)


def append_events(
    connection: sa.Connection, job_id: str, attempt: int, last_seq: int, entries: tuple[Entry, ...]
) -> None:
    """Insert events whose last has the sequence number `last_seq`, already counted in the job."""
    if not entries:
        return
    first = last_seq - len(entries) + 1
    rows = [
        {
            "job_id": job_id,
            "seq": first + index,
            "type": entry.type,
            "attempt": attempt,
            "data": entry.data,
        }
        for index, entry in enumerate(entries)
    ]
    if len(rows) == 1:  # as most changes have; the driver sends a list as a pipeline
        _APPEND_EVENT.send(connection, rows[0])
    else:
        connection.execute(_APPEND_EVENTS, rows)


def append_metrics(
    connection: sa.Connection, job_id: str, attempt: int, points: tuple[MetricPoint, ...]
) -> None:
    """Insert metric points; one that is there already is kept."""
    if points:
        measured = [
            {
                "key": point.key,
                "step": point.step,
                "epoch": point.epoch,
                "value": _finite(point.value),
                "epoch_end": point.epoch_end,
            }
            for point in points
        ]
        insert_many_new(connection, metrics, {"job_id": job_id, "attempt": attempt}, measured)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def append_checkpoints(
    connection: sa.Connection, job_id: str, attempt: int, stored: tuple[StoredCheckpoint, ...]
) -> int:
    """Make checkpoints known to later attempts; the size of the new ones, in bytes."""
    size_bytes = 0
    for checkpoint in stored:
        new = connection.scalar(
            insert_new(connection, checkpoints)
            .values(
                job_id=job_id,
                attempt=attempt,
                step=checkpoint.step,
                storage_key=checkpoint.storage_key,
                size_bytes=checkpoint.size_bytes,
                sha256=checkpoint.sha256,
                created_at=now_plus(),
            )
            .returning(checkpoints.c.size_bytes)
        )
        size_bytes += new or 0
    return size_bytes


def note_attempt(connection: sa.Connection, job_id: str, attempt: int, report: Report) -> None:
    """Keep from which step the attempt went on, how far it came, and on which data."""
    values: dict[str, Any] = {}
    if report.last_step is not None:
        values["last_step"] = report.last_step
    if report.started is not None:
        values |= {
            "from_step": report.started.from_step,
            "environment": report.started.environment,
        }
        connection.execute(
            sa.update(jobs)
            .where(jobs.c.id == job_id)
            .values(dataset_digest=report.started.dataset_digest)
        )
    if values:
        connection.execute(
            sa.update(attempts)
            .where(attempts.c.job_id == job_id, attempts.c.attempt == attempt)
            .values(**values)
        )
