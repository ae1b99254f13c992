"""The server's answers as frozen objects. Fields of a newer server are ignored."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Progress(Answer):
    step: int
    total_steps: int
    epoch: int
    total_epochs: int
    loss: float | None = None
    score: float | None = None
    score_name: str | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None


class JobSummary(Answer):
    id: str
    name: str
    tags: tuple[str, ...]
    status: str
    model: str
    dataset: str
    attempt: int
    progress: Progress | None = None
    result: dict[str, Any] | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


class Cost(Answer):
    params: int
    macs: int
    peak_activation_bytes: int
    peak_layer: str


class Failure(Answer):
    failure_class: str = Field(alias="class")
    message: str
    log_tail: str | None = None


class Attempt(Answer):
    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    from_step: int | None = None
    last_step: int | None = None
    outcome: str | None = None
    failure_class: str | None = None
    message: str | None = None
    exit_code: int | None = None
    environment: dict[str, Any] | None = None
    lost_steps: int | None = None
    lost_seconds: float | None = None


class Receipt(Answer):
    """What a job's lost attempts cost; `equals_undisturbed` is None where it cannot be said."""

    attempts: int
    lost_steps: int
    lost_seconds: float
    equals_undisturbed: bool | None = None
    statement: str


class JobDetails(JobSummary):
    spec: dict[str, Any]
    cost: Cost
    dataset_digest: str | None = None
    max_attempts: int
    lost_attempts: int
    queue_position: int | None = None
    estimated_start_at: datetime | None = None
    waits_for: str | None = None
    cancel_requested_at: datetime | None = None
    stop_requested_at: datetime | None = None
    seconds_used: float = 0.0
    failure: Failure | None = None
    attempts: tuple[Attempt, ...] = ()
    receipt: Receipt | None = None


class Input(Answer):
    """The model of another job that a spec names."""

    field: str
    job_id: str
    sha256: str | None = None


class Lock(Answer):
    """What decided a job's weights; `environment` is None before an attempt began."""

    job_id: str
    spec: dict[str, Any]
    seed: int
    dataset: str
    dataset_digest: str | None = None
    environment: dict[str, Any] | None = None
    inputs: tuple[Input, ...] = ()
    model_sha256: str | None = None


class DryRun(Answer):
    spec: dict[str, Any]
    cost: Cost


class JobPage(Answer):
    items: tuple[JobSummary, ...]
    next_cursor: str | None = None


class Event(Answer):
    seq: int
    type: str
    attempt: int
    created_at: datetime
    data: dict[str, Any]


class EventPage(Answer):
    items: tuple[Event, ...]
    next_cursor: str | None = None


class MetricPoint(Answer):
    key: str
    step: int
    epoch: int
    value: float | None
    epoch_end: bool


class MetricPage(Answer):
    items: tuple[MetricPoint, ...]
    next_cursor: str | None = None


class Artifact(Answer):
    id: str
    name: str
    kind: str
    media_type: str
    description: str
    size_bytes: int
    sha256: str
    created_at: datetime


class Manifest(Answer):
    job_id: str
    items: tuple[Artifact, ...]


class Dataset(Answer):
    name: str
    kind: str
    num_classes: int
    in_channels: int
    description: str
    digest: str | None = None
    num_train: int | None = None
    num_test: int | None = None


class DatasetList(Answer):
    items: tuple[Dataset, ...]


class PresetSummary(Answer):
    name: str
    model: str
    dataset: str
    description: str


class PresetList(Answer):
    items: tuple[PresetSummary, ...]


class Preset(PresetSummary):
    """A named recipe; `needs` are the fields that `spec` lacks."""

    needs: tuple[str, ...]
    spec: dict[str, Any]


class ApiKey(Answer):
    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    secret: str | None = None


class Quota(Answer):
    """What a tenant uses and may use; None: no limit."""

    weight: int
    queued: int
    max_queued: int | None
    running: int
    max_running: int | None
    gpu_seconds_used: float
    max_gpu_seconds: float | None
    stored_bytes: int
    max_stored_bytes: int | None


class KeyList(Answer):
    items: tuple[ApiKey, ...]


class Worker(Answer):
    """A worker that is up. `jobs` are your own; `running` counts everyone's."""

    name: str
    host: str
    state: str
    gpus: int
    devices: tuple[str, ...]
    slots: int
    free: int
    running: int
    jobs: tuple[str, ...]
    started_at: datetime
    seen_at: datetime


class WorkerList(Answer):
    items: tuple[Worker, ...]
