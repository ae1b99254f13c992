"""What the API answers: the public form of the domain's records. Nothing of a server leaks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from api.moments import Moment
from jobs.keys import NewKey, Scope
from jobs.processes import Worker
from jobs.receipts import Loss, Receipt
from jobs.records import ApiKey, Artifact, Attempt, Event, Job, ListedJob, MetricPoint, Tenant
from jobs.sources import SourceModel
from jobs.states import AttemptOutcome, EventType, JobStatus, WorkerState
from netaug_core.datasets import DatasetInfo
from netaug_core.errors import FailureClass
from netaug_core.preset_catalogue import Preset, PresetInfo
from netaug_core.weights import MODEL_FILE


class CostView(BaseModel):
    """What the tiny network costs on a device."""

    params: int = Field(description="Weights and biases, batch normalisation included.")
    macs: int = Field(description="Multiply-accumulates for one image.")
    peak_activation_bytes: int = Field(description="Most activations alive at once, int8.")
    peak_layer: str = Field(description="The operation that holds that peak.")


class FailureView(BaseModel):
    """Why a job failed."""

    failure_class: FailureClass = Field(serialization_alias="class", validation_alias="class")
    message: str
    log_tail: str | None = None


class JobSummary(BaseModel):
    """What a list shows of a job, and its whole view too."""

    id: str
    name: str
    tags: list[str]
    status: JobStatus
    model: str
    dataset: str
    attempt: int
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class AttemptView(BaseModel):
    """One try at a job: who ran it, from where, how it ended."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    from_step: int | None
    last_step: int | None
    outcome: AttemptOutcome | None
    failure_class: FailureClass | None
    message: str | None
    exit_code: int | None
    environment: dict[str, Any] | None
    lost_steps: int | None = Field(
        description="Trained after the checkpoint that was gone on from; null until that is known."
    )
    lost_seconds: float | None = Field(
        description="From when that checkpoint was stored to when the attempt's end was noticed."
    )

    @classmethod
    def of(cls, attempt: Attempt, loss: Loss | None) -> "AttemptView":
        given = vars(attempt)
        return cls.model_construct(
            failure_class=attempt.failure,
            lost_steps=None if loss is None else loss.steps,
            lost_seconds=None if loss is None else round(loss.seconds, 3),
            **{name: given[name] for name in cls.model_fields if name in given},
        )


class ReceiptView(BaseModel):
    """What a job's lost attempts cost, and whether its result is that of an undisturbed run."""

    attempts: int
    lost_steps: int
    lost_seconds: float
    equals_undisturbed: bool | None = Field(
        description="Bit for bit; null where it cannot be said."
    )
    statement: str = Field(description="Why.")

    @classmethod
    def of(cls, receipt: Receipt) -> "ReceiptView":
        return cls.model_construct(**vars(receipt))


class JobView(JobSummary):
    """A job, whole."""

    spec: dict[str, Any]
    cost: CostView
    dataset_digest: str | None
    max_attempts: int
    lost_attempts: int
    cancel_requested_at: datetime | None
    stop_requested_at: datetime | None
    queue_position: int | None = Field(
        description="Jobs that start before this one if none ends and none is submitted meanwhile; "
        "1000: as many or more. Null unless it could start now (docs/scheduling.md)."
    )
    estimated_start_at: datetime | None = Field(
        description="About when, judged by your last jobs; null: nothing is known."
    )
    waits_for: str | None = Field(description="Of a queued job, what it waits for.")
    seconds_used: float = Field(description="Of resources.time_limit_seconds, all attempts.")
    failure: FailureView | None
    attempts: list[AttemptView]
    receipt: ReceiptView | None = Field(description="Null before the first attempt.")


class InputView(BaseModel):
    """The model of another job that a spec starts from or learns from."""

    field: str = Field(description="The field of the spec that names it.")
    job_id: str
    sha256: str | None = Field(description="Null if that job has been deleted since.")


class LockView(BaseModel):
    """What decided a job's weights: whoever runs this again should get them again."""

    job_id: str
    spec: dict[str, Any]
    seed: int
    dataset: str
    dataset_digest: str | None = Field(description="SHA-256 of the data as the trainer read it.")
    environment: dict[str, Any] | None = Field(
        description="Device, threads and versions of the newest attempt; null before one began."
    )
    inputs: list[InputView]
    model_sha256: str | None = Field(
        description="Of model.safetensors; null before the job has succeeded."
    )

    @classmethod
    def of(
        cls,
        job: Job,
        attempts: Sequence[Attempt],
        inputs: Sequence[SourceModel],
        files: Sequence[Artifact],
    ) -> Self:
        began = [one.environment for one in attempts if one.environment is not None]
        return cls(
            job_id=job.id,
            spec=job.spec,
            seed=job.spec["training"]["seed"],
            dataset=job.dataset,
            dataset_digest=job.dataset_digest,
            environment={k: v for k, v in began[-1].items() if k != "dataset"} if began else None,
            inputs=[_input(one) for one in inputs],
            model_sha256=next((file.sha256 for file in files if file.name == MODEL_FILE), None),
        )


def _input(model: SourceModel) -> InputView:
    stored = model.artifact
    sha256 = None if stored is None else stored.sha256
    return InputView(field=model.source.field, job_id=model.source.job_id, sha256=sha256)


class JobPage(BaseModel):
    items: list[ListedJob]  # the records as they are: building fifty models took most of a request
    next_cursor: str | None


class EventView(BaseModel):
    """Something that happened to a job."""

    seq: int
    type: EventType
    attempt: int
    created_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventView":
        return cls.model_construct(
            seq=event.seq,
            type=event.type,
            attempt=event.attempt,
            created_at=event.created_at,
            data=event.data,
        )


class EventPage(BaseModel):
    items: list[EventView]
    next_cursor: str | None


class MetricPage(BaseModel):
    items: list[MetricPoint]  # the records as they are: a page has a thousand
    next_cursor: str | None


class LogChunk(BaseModel):
    seq: int
    attempt: int
    created_at: datetime
    text: str


class LogPage(BaseModel):
    items: list[LogChunk]
    next_cursor: str | None


class ArtifactView(BaseModel):
    """A file for download."""

    id: str
    name: str
    kind: str
    media_type: str
    description: str
    size_bytes: int
    sha256: str
    created_at: datetime

    @classmethod
    def of(cls, artifact: Artifact) -> "ArtifactView":
        return cls.model_construct(**{name: getattr(artifact, name) for name in cls.model_fields})


class Manifest(BaseModel):
    """All files of a job."""

    job_id: str
    items: list[ArtifactView]


class DatasetView(BaseModel):
    """A dataset that a job can name."""

    name: str
    kind: str
    num_classes: int
    in_channels: int
    description: str
    digest: str | None = Field(description="SHA-256; of a folder, as the newest job read it.")
    num_train: int | None
    num_test: int | None

    @classmethod
    def of(cls, dataset: DatasetInfo, newest_digest: str | None) -> Self:
        names = ("name", "kind", "num_classes", "in_channels", "description")
        return cls(
            digest=dataset.digest or newest_digest,
            num_train=dataset.num_train,
            num_test=dataset.num_test,
            **{name: getattr(dataset, name) for name in names},
        )


class DatasetList(BaseModel):
    items: list[DatasetView]


class PresetSummary(BaseModel):
    """A named recipe in a list."""

    name: str
    model: str
    dataset: str
    description: str

    @classmethod
    def of(cls, preset: PresetInfo) -> Self:
        return cls(**vars(preset))


class PresetList(BaseModel):
    items: list[PresetSummary]


class PresetView(PresetSummary):
    """A named recipe, whole."""

    needs: list[str] = Field(description="Fields to add to `spec` before it can be submitted.")
    spec: dict[str, Any] = Field(description="A job's spec with every default filled in.")

    @classmethod
    def whole(cls, preset: Preset) -> Self:
        return cls(**vars(preset))


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = {"extra": "forbid"}

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")
    scope: Scope = Scope.SUBMIT
    expires_at: Moment | None = Field(None, description="RFC 3339 with an offset.")


class KeyView(BaseModel):
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(**{name: getattr(key, name) for name in KeyView.model_fields})


class NewKeyView(KeyView):
    """A key just made. The secret is shown this once."""

    secret: str

    @classmethod
    def made(cls, new: NewKey) -> Self:
        return cls(secret=new.secret, **KeyView.of(new.key).model_dump())


class KeyList(BaseModel):
    items: list[KeyView]


class WorkerView(BaseModel):
    """A worker that is up."""

    name: str
    host: str
    state: WorkerState
    gpus: int
    devices: list[str] = Field(description="The names of its GPUs.")
    slots: int = Field(description="Jobs of one GPU, or of none, that it runs at once.")
    free: int = Field(description="Slots that are free, as it last reported.")
    running: int = Field(description="Jobs of all tenants that run on it.")
    jobs: list[str] = Field(description="Those of them that are yours.")
    started_at: datetime
    seen_at: datetime = Field(description="When it last reported.")

    @classmethod
    def of(cls, worker: Worker, *, tenant: str) -> Self:
        process = worker.process
        facts = process.facts
        return cls(
            name=process.name,
            host=facts["host"],
            state=worker.state,
            gpus=facts["gpus"],
            devices=facts["devices"],
            slots=facts.get("slots", 1),  # the release before slots had one
            free=facts.get("free", int(not facts["busy"])),
            running=len(worker.jobs),
            jobs=[job.id for job in worker.jobs if job.tenant == tenant],
            started_at=process.started_at,
            seen_at=process.seen_at,
        )


class WorkerList(BaseModel):
    items: list[WorkerView]


class DryRun(BaseModel):
    """A spec that would be accepted, with every default, and what its network costs."""

    spec: dict[str, Any]
    cost: CostView


class QuotaView(BaseModel):
    """What a tenant uses and may use; null: no limit."""

    weight: int = Field(description="Of its share beside other tenants.")
    queued: int = Field(description="10000, or max_queued if that is more: as many or more.")
    max_queued: int | None
    running: int = Field(description="Slots: a running job of N GPUs takes N, any other one.")
    max_running: int | None
    gpu_seconds_used: float = Field(description="By attempts that have ended.")
    max_gpu_seconds: float | None
    stored_bytes: int = Field(description="Checkpoints and files of its jobs.")
    max_stored_bytes: int | None

    @classmethod
    def of(cls, tenant: Tenant, queued: int) -> Self:
        names = cls.model_fields.keys() - {"queued"}
        return cls(queued=queued, **{name: getattr(tenant, name) for name in names})


class Health(BaseModel):
    status: str


class Readiness(BaseModel):
    """`ok`, or what is wrong, for each part."""

    database: str
    storage: str
    dispatcher: str
    broker: str


class Version(BaseModel):
    version: str
    api: str = "v1"
