"""What the API answers of jobs."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from jobs.receipts import Loss, Receipt
from jobs.records import Attempt, ListedJob
from jobs.states import AttemptOutcome, JobStatus
from netaug_core.errors import FailureClass


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


class JobPage(BaseModel):
    items: list[ListedJob]  # the records as they are: building fifty models took most of a request
    next_cursor: str | None


class DryRun(BaseModel):
    """A spec that would be accepted, with every default, and what its network costs."""

    spec: dict[str, Any]
    cost: CostView
