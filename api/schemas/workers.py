"""Workers, for operators."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from jobs.processes import Worker
from jobs.states import WorkerState


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
