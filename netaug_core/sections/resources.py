"""The `resources` section: what a job may use."""

from typing import Annotated

from pydantic import Field

from netaug_core.sections.fields import Count, JobId, Moment, Section


class ResourceSpec(Section):
    """What the job may use."""

    gpus: Count | None = Field(
        None,
        ge=0,
        le=64,
        description="GPUs to use, one process each. Null: one if the worker has one, else the CPU.",
    )
    time_limit_seconds: Count = Field(
        86_400, ge=10, le=30 * 86_400, description="Training time over all attempts."
    )
    max_attempts: Count = Field(
        3, ge=1, le=20, description="How often the job may be started when machines are lost."
    )
    retry_exit_codes: tuple[Annotated[int, Field(strict=True, ge=1, le=255)], ...] = Field(
        (),
        max_length=16,
        description="Exit codes of the trainer that also count as a lost machine.",
    )
    priority: Count = Field(
        0, ge=-100, le=100, description="Of your own queued jobs, the one with more starts first."
    )
    run_after: Moment | None = Field(
        None, description="Not to be started before; RFC 3339 with an offset."
    )
    after: tuple[JobId, ...] = Field(
        (), max_length=10, description="Your jobs that must have succeeded before this one starts."
    )
    max_wait_seconds: Count | None = Field(
        None,
        ge=10,
        le=30 * 86_400,
        description="Fail if the job has not started so long after it was submitted, or after "
        "run_after. Null: it waits.",
    )
