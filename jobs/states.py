"""Job states and how they follow each other. Only lifecycle.py may change one."""

import enum


class JobStatus(enum.StrEnum):
    QUEUED = "queued"  # waits for a worker, or for its next attempt
    RUNNING = "running"  # one attempt holds a live lease
    SUCCEEDED = "succeeded"  # every listed artifact exists with its digest
    FAILED = "failed"  # ended with a failure class and a message
    CANCELLED = "cancelled"  # given up by its owner

    @property
    def is_final(self) -> bool:
        return self in FINAL


class AttemptOutcome(enum.StrEnum):
    """How an attempt ended. A running one has none."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # worker, trainer or lease was lost: charged against max_attempts
    RELEASED = "released"  # given back by a worker that shut down: not charged


class EventType(enum.StrEnum):
    STATE = "state"
    METRIC = "metric"
    LOG = "log"
    CHECKPOINT = "checkpoint"
    ARTIFACT = "artifact"
    WISH = "wish"  # someone asked to cancel or to stop
    DONE = "done"  # always the last


class WorkerWish(enum.StrEnum):
    """What an operator asked of a worker. A worker as usual has none."""

    PAUSE = "pause"  # start nothing; what runs goes on
    DRAIN = "drain"  # start nothing; what runs writes a checkpoint and is given back


class WorkerState(enum.StrEnum):
    READY = "ready"  # takes jobs
    PAUSED = "paused"  # by an operator: takes none
    DRAINING = "draining"  # by an operator: its jobs are leaving
    DRAINED = "drained"  # by an operator: nothing runs on it, and nothing will
    LEAVING = "leaving"  # its process shuts down


FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset(
        {
            JobStatus.RUNNING,  # claimed
            JobStatus.CANCELLED,  # cancelled before it ran
            JobStatus.FAILED,  # waited too long, or for a job that did not succeed
        }
    ),
    JobStatus.RUNNING: frozenset(
        {
            JobStatus.SUCCEEDED,
            JobStatus.FAILED,
            JobStatus.CANCELLED,
            JobStatus.QUEUED,  # attempt lost, or released by a worker that shuts down
        }
    ),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),  # retried by its owner
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),  # retried by its owner
    JobStatus.SUCCEEDED: frozenset(),
}


def sources_of(target: JobStatus) -> frozenset[JobStatus]:
    """The states from which `target` can be reached."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)
