"""A job's files."""

from datetime import datetime

from pydantic import BaseModel

from jobs.records import Artifact


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
