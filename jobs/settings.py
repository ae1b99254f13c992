"""What is read from the environment (`NETAUG_...`) or secret files. Nobody else reads it."""

from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRETS_DIR = Path("/run/secrets")


class DatabaseSettings(BaseSettings):
    """All that a migration needs. A secret may be a file: /run/secrets/netaug_database_url."""

    model_config = SettingsConfigDict(
        env_prefix="NETAUG_",
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        extra="ignore",
        env_ignore_empty=True,  # Compose passes what is not set as an empty text
    )

    database_url: SecretStr


class Settings(DatabaseSettings):
    """How this installation runs."""

    broker_url: SecretStr = SecretStr("")  # the API needs none
    broker_dir: Path | None = None  # of the file-system broker of the embedded mode
    storage_url: str = Field(description="file:///directory or s3://bucket/prefix")
    s3_endpoint: str | None = None
    s3_public_endpoint: str | None = Field(
        None, description="The S3 address that users reach; null: the API streams downloads itself."
    )
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    storage_answer_seconds: float = Field(
        120.0, ge=0.1, le=3600.0, description="An object store that takes longer counts as away."
    )
    storage_patience_seconds: float = Field(
        60.0, ge=0.0, le=3600.0, description="For how long a worker tries a store that is away."
    )

    checkpoints_kept: int = Field(
        2, ge=1, le=100, description="Newest checkpoints of a job that has not succeeded."
    )
    checkpoint_days: float = Field(
        30.0, ge=0.0, description="For a retry of a failed or cancelled job; after a success none."
    )
    log_days: float | None = Field(None, ge=0.0, description="After a job's end; null: for ever.")
    artifact_days: float | None = Field(
        None, ge=0.0, description="After a job's success; null: for ever."
    )
    orphan_hours: float = Field(
        24.0, ge=0.0, description="Before an object that no job names is removed."
    )

    data_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    work_dir: Path = Path("/var/lib/netaug/work")

    lease_seconds: float = Field(30.0, ge=1.0, le=3600.0)
    heartbeat_seconds: float = Field(2.0, gt=0.0, le=600.0)
    dispatch_seconds: float = Field(1.0, gt=0.0, le=60.0, description="The dispatcher's period.")
    grace_seconds: float = Field(
        20.0, ge=0.0, le=600.0, description="What a trainer gets to write a checkpoint and leave."
    )
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda)$")
    slots_per_gpu: int = Field(
        1, ge=1, le=64, description="Jobs of one GPU that a worker runs on each at once."
    )
    slots: int = Field(1, ge=1, le=256, description="Jobs at once of a worker without GPUs.")
    trainer_threads: int = Field(
        0, ge=0, le=256, description="Of each trainer; 0: the cores, divided by the slots."
    )
    warm_trainers: bool = Field(
        True, description="A process with everything loaded waits for the job of each free slot."
    )
    loader_workers: int = Field(0, ge=0, le=64)
    image_cache_bytes: int = Field(
        0, ge=0, description="A trainer's, for decoded pictures of a folder; 0: none."
    )
    log_cap_bytes: int = Field(10 << 20, ge=1 << 10, description="Of one job's log.")

    submits_per_second: float = Field(
        100.0, ge=0.0, description="Of one tenant, at each API process, on average; 0: no limit."
    )
    tenant_requests_at_once: int = Field(
        200, ge=2, description="In progress at an API process; half of them may change something."
    )
    tenant_streams_at_once: int = Field(500, ge=1, description="Open at an API process.")
    streams_at_once: int = Field(1000, ge=1, description="Of all tenants, at an API process.")

    trainer_memory_bytes: int = Field(
        0, ge=0, description="Of all processes of a job on a worker together; 0: no limit."
    )
    trainer_processes: int = Field(
        1024, ge=0, description="Of a job on a worker at the same time; 0: no limit."
    )
    trainer_disk_bytes: int = Field(
        64 << 30, ge=0, description="Of a job's files in the work directory; 0: no limit."
    )
    trainer_open_files: int = Field(0, ge=0, description="Of one process; 0: the worker's own.")

    database_pool_size: int = Field(20, ge=1, le=500)
    database_answer_seconds: float = Field(
        20.0, ge=0.5, le=600.0, description="A database that is silent for longer counts as away."
    )
    log_level: str = "INFO"

    @field_validator("data_roots", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(Path(part) for part in value.split(":") if part)
        return value

    @model_validator(mode="after")
    def _heartbeats_fit_the_lease(self) -> Self:
        if self.heartbeat_seconds * 3 > self.lease_seconds:
            raise ValueError(
                "NETAUG_HEARTBEAT_SECONDS must be at most a third of NETAUG_LEASE_SECONDS "
                f"({self.lease_seconds}); got {self.heartbeat_seconds}"
            )
        return self


@cache
def settings() -> Settings:
    """This process's settings."""
    return Settings()
