"""What callers of the domain can act on. The class holds the title, the instance the sentence."""

from dataclasses import dataclass


class JobsError(Exception):
    """The request cannot be carried out."""


class JobNotFound(JobsError):
    """No such job."""


class ArtifactNotFound(JobsError):
    """No such artifact."""


class IllegalStateChange(JobsError):
    """The job's state does not allow this."""


class Fenced(JobsError):
    """This attempt was given up for dead: stop at once and write nothing."""


class IdempotencyMismatch(JobsError):
    """The idempotency key was used before, with another body."""


class QueueFull(JobsError):
    """As many jobs wait as this tenant may queue."""


class QuotaSpent(JobsError):
    """This tenant's quota does not allow the job."""


class KeyNotFound(JobsError):
    """No such API key."""


class WorkerNotFound(JobsError):
    """No such worker."""


class Unauthenticated(JobsError):
    """The API key is missing, unknown, revoked or expired."""


class StorageUnavailable(JobsError):
    """The object store does not answer."""


class NoSpace(StorageUnavailable):
    """The disk that holds the object store is full."""


class ObjectMissing(JobsError):
    """A stored object is gone or is not what was stored."""


class BackupUnusable(JobsError):
    """This backup cannot be restored here."""


class BackupBusy(JobsError):
    """Another backup or restore uses the directory."""


class BackupInterrupted(JobsError):
    """The backup cannot be finished: what it copies may have been removed."""


@dataclass(frozen=True)
class Refusal:
    """One reason why a spec is not accepted: a JSON pointer to the field, and what to do."""

    pointer: str
    detail: str


class SpecRefused(JobsError):
    """The spec is well formed, but this installation cannot run it."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(refusal.detail for refusal in refusals))
        self.refusals = refusals
