"""What a run tells its supervisor: one JSON object a line, none of it trusted unchecked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from netaug_core.errors import FailureClass

MAX_LINE_BYTES = 64 * 1024
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
MetricKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_/]{0,63}$")]
Step = Annotated[int, Field(ge=0, lt=2**53)]


class RunEvent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetFacts(RunEvent):
    """The data a run really read."""

    name: str = Field(max_length=200)
    digest: Sha256
    num_classes: int
    num_train: int
    num_validation: int
    num_test: int


class Started(RunEvent):
    """Data and network are ready; training goes on from `from_step`."""

    type: Literal["started"] = "started"
    from_step: Step
    total_steps: Step
    total_epochs: int
    dataset: DatasetFacts
    environment: dict[str, str | int | float | None]  # device, threads, versions


class Progress(RunEvent):
    """Where the run stands; not kept, only the newest counts."""

    type: Literal["progress"] = "progress"
    step: Step
    total_steps: Step
    epoch: int
    total_epochs: int
    loss: float | None = None
    score: float | None = None  # of the best network so far on the validation part, 0..1
    score_name: str | None = Field(None, max_length=20)  # what that is: accuracy, ap50
    images_per_second: float | None = None
    eta_seconds: float | None = None


class Metrics(RunEvent):
    """Named values at a step. `epoch_end` marks the ones of a whole epoch."""

    type: Literal["metrics"] = "metrics"
    step: Step
    epoch: int
    epoch_end: bool
    values: Annotated[dict[MetricKey, float], Field(max_length=64)]


class CheckpointWritten(RunEvent):
    """A complete checkpoint file of this run lies in its output directory."""

    type: Literal["checkpoint"] = "checkpoint"
    name: FileName
    step: Step
    epoch: int
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class ArtifactWritten(RunEvent):
    """A complete file for the user lies in the run's output directory."""

    type: Literal["artifact"] = "artifact"
    name: FileName
    kind: Literal["model", "model_card", "metrics"]
    media_type: str = Field(max_length=100)
    description: str = Field(max_length=500)
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class Finished(RunEvent):
    """Everything was trained, exported and verified. `result` holds the scores."""

    type: Literal["finished"] = "finished"
    step: Step
    result: dict[str, str | bool | int | float | None]


class Left(RunEvent):
    """The run wrote a checkpoint and left because it was asked to."""

    type: Literal["left"] = "left"
    step: Step


class Failed(RunEvent):
    """The run cannot go on."""

    type: Literal["failed"] = "failed"
    failure: FailureClass
    message: str = Field(max_length=4000)


AnyRunEvent = Annotated[
    Started | Progress | Metrics | CheckpointWritten | ArtifactWritten | Finished | Left | Failed,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[AnyRunEvent] = TypeAdapter(AnyRunEvent)


def parse_line(line: bytes) -> AnyRunEvent:
    """One line of the stream.

    Raises:
        ValueError: it is not a run event (a pydantic ValidationError).
    """
    return _ADAPTER.validate_json(line)
