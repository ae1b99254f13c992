"""One attempt from claim to end: start the trainer, tell the database, obey wishes, store files."""

import contextlib
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from jobs import db, endings, lifecycle
from jobs.errors import Fenced, ObjectMissing, StorageUnavailable
from jobs.lifecycle import Claim, Ending, Wishes
from jobs.queries import log_bytes
from jobs.settings import Settings
from jobs.states import AttemptOutcome
from jobs.storage import Storage
from netaug_core import events
from netaug_core.errors import BadSpec, FailureClass
from netaug_core.spec import JobSpec
from worker import last_word, outcome, staging
from worker.draining import Draining
from worker.intake import Intake
from worker.ladder import Ladder, Reason
from worker.lease import Lease, LeaseOver
from worker.memory import oom_kills
from worker.news import News
from worker.remarks import Remarks
from worker.stuck import Stuck
from worker.trainer_process import TRAINER, Devices, TrainerProcess, boottime
from worker.trainers import ColdTrainer, Trainer, WarmTrainers
from worker.uploads import Uploads

log = structlog.get_logger(__name__)

TICK_S = 0.1
Result = TypeVar("Result")


class Leaves(Exception):
    """The worker leaves, and this attempt has nothing more that is worth waiting for."""


@dataclass(frozen=True)
class Platform:
    """What a worker process holds for all its attempts."""

    engine: sa.Engine
    storage: Storage
    settings: Settings
    draining: Draining
    trainer: tuple[str, ...] = TRAINER
    warm: WarmTrainers | None = None
    visible_devices: str | None = None  # CUDA_VISIBLE_DEVICES of its trainers; None: inherited
    stuck: Stuck = field(default_factory=Stuck)


def run(claim: Claim, platform: Platform, *, claimed_at: float) -> None:
    """Run one claimed attempt to its end. `claimed_at`: boottime before the claim was sent."""
    job_log = log.bind(job_id=claim.job.id, attempt=claim.job.attempt)
    job_log.info("attempt_started")
    try:
        _run(claim, platform, Lease(platform.settings.lease_seconds, sent=claimed_at))
    except Fenced:
        job_log.warning("attempt_fenced")
    except LeaseOver:
        job_log.warning("attempt_gave_up_its_lease")
    else:
        job_log.info("attempt_ended")


def _run(claim: Claim, platform: Platform, lease: Lease) -> None:
    try:
        with _trainer(claim, platform) as trainer:
            Attempt(claim, platform, trainer, lease).run()
    except OSError as error:
        job_id, number = claim.job.id, claim.job.attempt
        ending = last_word.lost(error, f"the worker cannot use its NETAUG_WORK_DIR: {error}")
        last_word.tell(
            platform.engine, lease, job_id, lambda c: endings.fail(c, job_id, number, ending)
        )


def _trainer(claim: Claim, platform: Platform) -> Trainer:
    warm = None
    if platform.warm is not None:
        warm = platform.warm.take(Devices(claim.job.gpus, platform.visible_devices))
    name = f"{claim.job.id}-{claim.job.attempt}"
    return warm or ColdTrainer(platform.settings, platform.trainer, name)


class Attempt:
    """The supervisor's state for one attempt."""

    def __init__(self, claim: Claim, platform: Platform, trainer: Trainer, lease: Lease) -> None:
        self._claim = claim
        self._job_id, self._number = claim.job.id, claim.job.attempt
        self._platform = platform
        self._trainer = trainer
        self._work = work = trainer.work
        self._spec = JobSpec.model_validate(claim.job.spec)
        self._lease = lease
        self._news = News()
        self._uploads = Uploads(
            platform.storage,
            self._job_id,
            self._number,
            work,
            patience_s=platform.settings.storage_patience_seconds,
        )
        self._process: TrainerProcess | None = None
        self._ladder: Ladder | None = None
        self._began = time.monotonic()
        self._next_report = 0.0
        self._leave_by: float | None = None
        self._stop_asked = self._has_progressed = False
        self._written: list[events.ArtifactWritten] = []
        self._last_words: list[events.Finished | events.Failed | events.Left] = []
        self._handlers: dict[type[events.RunEvent], Callable[[Any], None]] = {
            events.Started: self._started,
            events.Progress: self._progressed,
            events.Metrics: self._news.metrics,
            events.CheckpointWritten: self._uploads.checkpoint,
            events.ArtifactWritten: self._written.append,
            events.Finished: self._last_words.append,
            events.Failed: self._last_words.append,
            events.Left: self._last_words.append,
        }

    def _started(self, event: events.Started) -> None:
        """How the attempt is held together belongs to its environment."""
        if self._process is not None:
            isolation = self._process.remarks.read().isolation
            event = event.model_copy(
                update={"environment": {**event.environment, "isolation": isolation}}
            )
        self._news.started(event)

    def _progressed(self, event: events.Progress) -> None:
        if not self._has_progressed:
            self._has_progressed = True
            self._next_report = 0.0  # who waits for the first step sees it at once
        self._news.progress(event)

    def run(self) -> None:
        try:
            resume = self._fetch_files()
            ended = self._train(resume)
            self._conclude(ended)
        except BadSpec as error:
            self._end(Ending(AttemptOutcome.FAILED, error.failure, str(error)))
        except Leaves:
            self._release()
        except (StorageUnavailable, ObjectMissing, OSError) as error:
            self._end(last_word.lost(error, str(error)))
        finally:
            self._uploads.close(wait=not self._platform.draining.is_set())

    def _fetch_files(self) -> Path | None:
        """Bring what the trainer reads; the checkpoint to resume from, if there is one."""
        self._work.spec.write_text(self._spec.canonical_json())
        storage, claim, work = self._platform.storage, self._claim, self._work
        sources = self._uploads.run(lambda: staging.fetch_sources(storage, claim, work))
        self._wait_for(sources, grace_s=0.0)
        checkpoint = self._uploads.run(lambda: staging.fetch_checkpoint(storage, claim, work))
        return self._wait_for(checkpoint, grace_s=0.0)

    def _train(self, resume: Path | None) -> outcome.Exit:
        settings = self._platform.settings
        kills_before = oom_kills()
        devices = Devices(self._spec.resources.gpus, self._platform.visible_devices)
        process = self._trainer.begin(
            settings, devices, resume, alive_until=self._lease.alive_until
        )
        self._process = process
        self._ladder = Ladder(process, grace_seconds=settings.grace_seconds)
        try:
            log_bytes_left = self._log_bytes_left()
            intake = Intake(process.events, process.output, log_bytes_left=log_bytes_left)
            while (code := process.exit_code()) is None:
                self._look(intake)
            read_until = time.monotonic() + settings.grace_seconds
            while intake.is_reading and time.monotonic() < read_until:
                self._look(intake)
            self._take(intake)
        finally:
            process.close()
            self._note(process.remarks)
        return outcome.Exit(
            code=code,
            last_words=self._last_words[-1] if self._last_words else None,
            left_for=self._ladder.reason,
            out_of_memory=oom_kills() > kills_before,
            excess=process.remarks.excess,
            stuck=process.remarks.stuck,
        )

    def _note(self, remarks: Remarks) -> None:
        self._platform.stuck.add(self._job_id, remarks.stuck)
        if remarks.unmeasured:
            log.error("memory_not_measured", job_id=self._job_id, pids=remarks.unmeasured)

    def _log_bytes_left(self) -> int:
        while True:
            try:
                with db.reading(self._platform.engine) as connection:
                    used = log_bytes(connection, self._job_id)
            except db.UNAVAILABLE as error:
                log.warning("log_size_not_read", job_id=self._job_id, reason=type(error).__name__)
                self._lease.pause()
            else:
                return max(0, self._platform.settings.log_cap_bytes - used)

    def _look(self, intake: Intake) -> None:
        intake.happened.wait(TICK_S)
        intake.happened.clear()
        self._take(intake)
        self._tick()

    def _take(self, intake: Intake) -> None:
        self._news.text(intake.take_text())
        for event in intake.take_events():
            self._handlers[type(event)](event)

    def _tick(self) -> None:
        """Everything that must go on while the attempt waits for something."""
        for checkpoint in self._uploads.stored_checkpoints():
            self._news.stored(checkpoint)
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + self._platform.settings.heartbeat_seconds
            self._report()
        if self._lease.is_over:
            raise LeaseOver
        if self._ladder is not None:
            if self._platform.draining.is_set():
                self._ladder.begin(Reason.DRAIN, now=now)
            if self._platform.draining.is_hasty:
                self._ladder.hurry(now=now)
            if now - self._began > self._claim.seconds_left:
                self._ladder.begin(Reason.TIMEOUT, now=now)
            self._ladder.climb(now)

    def _report(self) -> bool:
        """Send what happened and renew the lease; False while the database does not answer."""
        used = self._claim.job.seconds_used + time.monotonic() - self._began
        report = self._news.report(seconds_used=used)
        sent = boottime()
        try:
            with db.writing(self._platform.engine) as connection:
                wishes = lifecycle.report(
                    connection,
                    self._job_id,
                    self._number,
                    report,
                    lease_seconds=self._platform.settings.lease_seconds,
                )
        except db.UNAVAILABLE as error:
            log.warning("report_failed", job_id=self._job_id, reason=type(error).__name__)
            return False
        self._news.answered()
        self._lease.renewed(sent=sent)
        if self._process is not None:
            self._process.keep_alive(self._lease.alive_until)
            self._heed(wishes)
        return True

    def _heed(self, wishes: Wishes) -> None:
        if wishes.cancel and self._ladder is not None:
            self._ladder.begin(Reason.CANCEL, now=time.monotonic())
        elif wishes.stop and not self._stop_asked and self._process is not None:
            self._stop_asked = self._ask_to_stop(self._process)

    def _ask_to_stop(self, process: TrainerProcess) -> bool:
        """False if it could not be asked: then with the next report."""
        if self._ladder is None or self._ladder.reason is None:
            try:
                process.ask("stop")
            except OSError as error:
                log.warning("flag_not_set", wish="stop", reason=str(error))
                return False
        return True

    def _conclude(self, ended: outcome.Exit) -> None:
        """Tell the database how the attempt ended, with all that it left."""
        grace_s = self._platform.settings.grace_seconds
        with contextlib.suppress(Leaves):  # what is stored by now is told, and nothing else
            self._wait(lambda: self._uploads.is_idle, grace_s=grace_s)
        self._flush()
        if isinstance(ended.last_words, events.Finished) and ended.code == 0:
            # A result that was complete when a wish to leave arrived still counts.
            self._succeed(ended.last_words.result)
        elif ended.left_for is Reason.CANCEL:
            self._write(lambda c: endings.cancelled(c, self._job_id, self._number))
        elif ended.left_for is Reason.DRAIN:
            self._release()
        else:
            resources = self._spec.resources
            self._end(
                outcome.ending_of(
                    ended,
                    retry_exit_codes=resources.retry_exit_codes,
                    time_limit_s=resources.time_limit_seconds,
                )
            )

    def _succeed(self, result: dict[str, Any]) -> None:
        try:
            stored = self._wait_for(
                self._uploads.artifacts(self._written),
                grace_s=self._platform.settings.grace_seconds,
            )
        except ObjectMissing as error:
            self._end(Ending(AttemptOutcome.LOST, FailureClass.INFRA_LOST, str(error)))
            return
        self._write(
            lambda c: endings.succeed(c, self._job_id, self._number, result=result, stored=stored)
        )

    def _release(self) -> None:
        reason = self._platform.draining.reason
        self._write(lambda c: endings.release(c, self._job_id, self._number, reason=reason))

    def _end(self, ending: Ending) -> None:
        self._write(lambda c: endings.fail(c, self._job_id, self._number, ending))

    def _flush(self) -> None:
        """Report until nothing is left to tell."""
        for checkpoint in self._uploads.stored_checkpoints():
            self._news.stored(checkpoint)
        while not self._news.is_empty:
            if not self._report():
                self._lease.pause()

    def _write(self, statement: Callable[[sa.Connection], object]) -> None:
        last_word.tell(self._platform.engine, self._lease, self._job_id, statement)

    def _wait_for(self, future: "Future[Result]", *, grace_s: float) -> Result:
        futures.wait([future], TICK_S)  # most are done by then
        self._wait(future.done, grace_s=grace_s)
        return future.result()

    def _wait(self, is_over: Callable[[], bool], *, grace_s: float) -> None:
        """Wait until it is over.

        Raises:
            Leaves: so many seconds ago the worker was told to leave, or it is in haste.
        """
        draining = self._platform.draining
        while not is_over():
            self._tick()
            time.sleep(TICK_S)
            if not draining.is_set():
                self._leave_by = None
                continue
            if self._leave_by is None:
                self._leave_by = time.monotonic() + grace_s
            if draining.is_hasty or time.monotonic() >= self._leave_by:
                raise Leaves
