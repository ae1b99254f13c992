"""What the platform promises of jobs, as the smallest program that keeps the promises."""

from dataclasses import dataclass

from jobs.states import JobStatus

MAX_ATTEMPTS = 2
ACCEPTED, NO_CONTENT, NOT_FOUND, CONFLICT, INVALID = 202, 204, 404, 409, 422


@dataclass
class ModelJob:
    seed: int
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    lost: int = 0
    cancel: bool = False
    stop: bool = False
    checkpoint: int = 0  # a step; 0: none


class Model:
    """The jobs of one tenant. A wish is answered by the status that HTTP gives it."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.keys: dict[str, tuple[int, str]] = {}  # by idempotency key: seed and job

    def having(self, *statuses: JobStatus) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.status in statuses]

    def submit(self, key: str, seed: int) -> tuple[int, str | None]:
        """What a submit with a key is answered: the status, and the job it names, if it is old."""
        if key not in self.keys:
            return ACCEPTED, None
        used_seed, job_id = self.keys[key]
        if used_seed != seed:
            return INVALID, None
        return (ACCEPTED, job_id) if job_id in self.jobs else (NOT_FOUND, None)

    def cancel(self, job_id: str) -> int:
        job = self.jobs.get(job_id)
        if job is None:
            return NOT_FOUND
        if job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
            return CONFLICT
        if job.status is JobStatus.QUEUED:
            job.status = JobStatus.CANCELLED
        job.cancel = True
        return ACCEPTED

    def stop(self, job_id: str) -> int:
        job = self.jobs.get(job_id)
        if job is None:
            return NOT_FOUND
        if job.status is JobStatus.SUCCEEDED:
            return ACCEPTED
        untrained = job.status is JobStatus.QUEUED and not job.checkpoint
        if job.status.is_final or untrained:
            return CONFLICT
        job.stop = True
        return ACCEPTED

    def retry(self, job_id: str) -> int:
        job = self.jobs.get(job_id)
        if job is None:
            return NOT_FOUND
        if job.status is JobStatus.SUCCEEDED:
            return CONFLICT
        if job.status.is_final:
            job.status, job.lost, job.cancel, job.stop = JobStatus.QUEUED, 0, False, False
        return ACCEPTED

    def delete(self, job_id: str) -> int:
        job = self.jobs.get(job_id)
        if job is None:
            return NOT_FOUND
        if not job.status.is_final:
            return CONFLICT
        del self.jobs[job_id]
        return NO_CONTENT

    def claimed(self, job_id: str) -> None:
        job = self.jobs[job_id]
        job.status, job.attempt = JobStatus.RUNNING, job.attempt + 1

    def lost(self, job_id: str) -> None:
        job = self.jobs[job_id]
        job.lost += 1
        if job.cancel:
            job.status = JobStatus.CANCELLED
        else:
            out = job.lost >= MAX_ATTEMPTS
            job.status = JobStatus.FAILED if out else JobStatus.QUEUED

    def released(self, job_id: str) -> None:
        job = self.jobs[job_id]
        job.status = JobStatus.CANCELLED if job.cancel else JobStatus.QUEUED
