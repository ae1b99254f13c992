"""What a job is run again by."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, Field

from jobs.records import Artifact, Attempt, Job
from jobs.sources import SourceModel
from netaug_core.weights import MODEL_FILE


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
