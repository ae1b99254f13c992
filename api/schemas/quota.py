"""What a tenant uses and may use."""

from typing import Self

from pydantic import BaseModel, Field

from jobs.records import Tenant


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
