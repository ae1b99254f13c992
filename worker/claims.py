"""Claims for free slots. While a large job has its turn, one worker keeps its slots for it."""

import threading
from dataclasses import dataclass

import structlog

from jobs import db, lifecycle, processes
from jobs.lifecycle import Claim
from worker.presence import Presence
from worker.slots import Share, Slots
from worker.supervisor import Platform
from worker.trainer_process import boottime

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Taken:
    """A claimed job with its share of this worker. `claimed_at`: boottime before the claim."""

    claim: Claim
    share: Share
    claimed_at: float


class _TooLarge(Exception):
    """The job whose turn it is needs more GPUs than are free: its claim is rolled back."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class Claims:
    """One claim at a time: what is offered to the database stays free until it is taken."""

    def __init__(self, platform: Platform, presence: Presence, slots: Slots) -> None:
        self._platform = platform
        self._presence = presence
        self._slots = slots
        self._one_at_a_time = threading.Lock()

    def take(self) -> Taken | None:
        """The next job for this worker; None if none fits now, or an operator paused it."""
        try:
            with self._one_at_a_time:
                held = self._presence.holds_for
                taken = self._take()
                holds_anew = self._presence.holds_for not in (None, held)
            if holds_anew:
                self._presence.tell()  # it rings: no claim waits for the broker
        except db.UNAVAILABLE as error:
            # The dispatcher rings again as long as the job is queued.
            log.warning("claim_failed", reason=type(error).__name__)
            return None
        return taken

    def _take(self) -> Taken | None:
        offer = self._slots.offer()
        if offer is None:
            return None
        claimed_at = boottime()
        claim = self._claim(offer)
        if claim is None:
            return None
        return Taken(claim, self._slots.take(claim.job.gpus), claimed_at)

    def _claim(self, offer: int) -> Claim | None:
        try:
            claim = self._try(self._slots.num_gpus, offer)
        except _TooLarge as large:
            if not self._must_hold(large.job_id):
                self._presence.holds_for = None
                return self._try(offer, offer)
            if self._presence.holds_for != large.job_id:
                log.info("slots_held", job_id=large.job_id, worker=self._presence.name)
                self._presence.holds_for = large.job_id
            return None
        self._presence.holds_for = None
        return claim

    def _try(self, gpus: int, offer: int) -> Claim | None:
        """The job whose turn it is on a worker of `gpus`, if what is on offer is enough for it."""
        with db.writing(self._platform.engine) as connection:
            if not processes.may_claim(connection, self._presence.name):
                return None
            claim = lifecycle.claim(
                connection,
                worker=self._presence.name,
                gpus=gpus,
                lease_seconds=self._platform.settings.lease_seconds,
            )
            if claim is not None and (claim.job.gpus or 0) > offer:
                raise _TooLarge(claim.job.id)
            return claim

    def _must_hold(self, job_id: str) -> bool:
        """One worker for one job is enough; the others take what comes after it."""
        with db.reading(self._platform.engine) as connection:
            holders = processes.holders(connection, job_id)
        return not holders or holders[0] == self._presence.name
