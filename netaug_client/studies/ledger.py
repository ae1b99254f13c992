"""The jobs of a study on a server: found by tag and spec, submitted only where missing."""

import contextlib
import hashlib
from collections.abc import Sequence

from pydantic import ValidationError

from netaug_client.client import Client
from netaug_client.errors import NotFound
from netaug_client.models import JobSummary
from netaug_core.spec import JobSpec
from netaug_core.study import StudySpec

MOST = 100_000
MOST_DELETED = 10


class Ledger:
    """Knows which jobs of a study exist, whoever submitted them and however long ago."""

    def __init__(self, client: Client, study: StudySpec) -> None:
        self._client = client
        self._study = study
        self._jobs = self.look()

    def look(self) -> dict[str, JobSummary]:
        """All jobs with the study's tag as they are now, by id, the newest first."""
        found = self._client.jobs.list(tags=(self._study.tag,), limit=MOST)
        self._jobs = {job.id: job for job in found}
        return self._jobs

    def find(self, spec: JobSpec, tags: Sequence[str]) -> JobSummary | None:
        """The newest job with these tags that does what the spec says, in whatever state."""
        for job in self._jobs.values():
            if set(tags) <= set(job.tags) and self._does(job.id, spec):
                return job
        return None

    def _does(self, job_id: str, spec: JobSpec) -> bool:
        try:
            stored = JobSpec.model_validate(self._client.jobs.get(job_id).details.spec)
        except (NotFound, ValidationError):  # deleted meanwhile, or of another version's spec
            return False
        return _work(stored) == _work(spec)

    def submit(self, spec: JobSpec) -> JobSummary:
        """Submit a job; twice at the same time, or after a lost answer, it is still one job."""
        digest = hashlib.sha256(spec.canonical_json().encode()).hexdigest()
        for generation in range(MOST_DELETED):
            key = f"study-{digest}-{generation}"
            # Not found: the job of this key has been deleted within the last day.
            with contextlib.suppress(NotFound):
                return self._client.jobs.submit(spec, idempotency_key=key).details
        return self._client.jobs.submit(spec).details

    def retry(self, job: JobSummary) -> JobSummary:
        """Queue a failed or cancelled job again."""
        return self._client.jobs.get(job.id).retry().details

    def why(self, job: JobSummary) -> str:
        """What a failed job says about its failure."""
        failure = self._client.jobs.get(job.id).details.failure
        return f"{failure.failure_class}: {failure.message}" if failure else ""


def _work(spec: JobSpec) -> JobSpec:
    """What is to be computed, without what it is called and how it is queued."""
    return spec.model_copy(update={"name": "job", "tags": ()})
