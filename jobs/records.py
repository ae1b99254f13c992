"""Rows as frozen objects: what the domain hands to its doors."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from jobs.states import AttemptOutcome, EventType, JobStatus, WorkerWish
from netaug_core.errors import FailureClass

Json = dict[str, Any]
Record = TypeVar("Record")


@dataclass(frozen=True)
class Job:
    id: str
    tenant: str
    name: str
    tags: list[str]
    spec: Json
    cost: Json
    dataset: str
    dataset_digest: str | None
    status: JobStatus
    attempt: int
    lost_attempts: int
    max_attempts: int
    priority: int
    gpus: int | None
    run_after: datetime
    ready: bool
    blocked_by: int
    cancel_requested_at: datetime | None
    stop_requested_at: datetime | None
    lease_until: datetime | None
    worker: str | None
    progress: Json | None
    seconds_used: float
    result: Json | None
    failure: FailureClass | None
    failure_message: str | None
    last_event: int
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """How far a job has come: what whoever reads what it left needs of it."""

    status: JobStatus
    last_event: int


@dataclass(slots=True)  # a page has two hundred, and frozen ones take four times as long to make
class ListedJob:
    """What a list shows of a job. `model` comes out of its spec."""

    id: str
    name: str
    tags: list[str]
    status: JobStatus
    model: str
    dataset: str
    attempt: int
    progress: Json | None
    result: Json | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Attempt:
    job_id: str
    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    from_step: int | None
    last_step: int | None
    environment: Json | None
    outcome: AttemptOutcome | None
    failure: FailureClass | None
    message: str | None
    exit_code: int | None


@dataclass(frozen=True)
class Event:
    """One thing that happened to a job; `seq` counts from 1 without gaps."""

    job_id: str
    seq: int
    type: EventType
    attempt: int
    data: Json
    created_at: datetime


@dataclass(slots=True)  # a page has a thousand, and frozen ones take four times as long to make
class MetricPoint:
    """`value` is None where the trainer measured something that is not a finite number."""

    key: str
    step: int
    epoch: int
    value: float | None
    epoch_end: bool


@dataclass(frozen=True)
class Checkpoint:
    job_id: str
    attempt: int
    step: int
    storage_key: str
    size_bytes: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True)
class Artifact:
    id: str
    job_id: str
    attempt: int
    name: str
    kind: str
    media_type: str
    description: str
    storage_key: str
    size_bytes: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True)
class ApiKey:
    id: str
    tenant: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class Tenant:
    """What a tenant uses now, and what it may use; None: as much as there is."""

    name: str
    weight: int
    running: int
    recent: float
    waiting: bool
    gpu_seconds_used: float
    stored_bytes: int
    max_queued: int | None
    max_running: int | None
    max_gpu_seconds: float | None
    max_stored_bytes: int | None


@dataclass(frozen=True)
class Process:
    """A worker or dispatcher, as it last reported itself."""

    role: str
    name: str
    started_at: datetime
    seen_at: datetime
    facts: Json
    wish: WorkerWish | None


def columns(record: type[Record], table: sa.Table) -> list[sa.Column[Any]]:
    """The table's columns that make up this record, in its order."""
    return [table.c[field.name] for field in fields(record)]  # type: ignore[arg-type]  # a dataclass
