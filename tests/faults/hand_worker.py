"""A worker that a test moves by hand: what one does to the database and the storage, in steps."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from jobs import db, endings, lifecycle
from jobs.endings import StoredArtifact
from jobs.lifecycle import Ending, Wishes
from jobs.recording import Report, StoredCheckpoint
from jobs.records import MetricPoint
from jobs.settings import Settings
from jobs.states import AttemptOutcome
from jobs.storage import Storage, attempt_key
from netaug_core.errors import FailureClass
from tests.faults.chain_trainer import CHECKPOINT_EVERY, STEPS_PER_EPOCH, weights_after
from tests.faults.installation import Installation

LEASE_S = 600.0
LAPSED_S = 0.001


@dataclass
class Held:
    """A job that this worker holds, or believes it holds."""

    job_id: str
    attempt: int
    seed: int
    step: int
    batch: int = 0


class HandWorker:
    def __init__(self, installation: Installation) -> None:
        self._engine = installation.engine
        self._scratch: Path = installation.directory / "by-hand"
        configured = Settings(
            database_url=SecretStr(installation.database_url),
            storage_url=f"file://{installation.storage}",
        )
        self._storage = Storage.open(configured)

    def claim(self) -> Held | None:
        with db.writing(self._engine) as connection:
            claim = lifecycle.claim(connection, worker="hand", gpus=0, lease_seconds=LEASE_S)
        if claim is None:
            return None
        step = claim.checkpoints[0].step if claim.checkpoints else 0
        job = claim.job
        return Held(job.id, job.attempt, int(job.spec["training"]["seed"]), step)

    def train(self, held: Held) -> Wishes:
        """Train until the next checkpoint, and report it; twice, as after a lost answer."""
        first, held.step, held.batch = held.step + 1, held.step + CHECKPOINT_EVERY, held.batch + 1
        weights = json.dumps({"step": held.step, "weights": weights_after(held.seed, held.step)})
        stored = self._store(held, "checkpoints", f"checkpoint-{held.step:06d}.pt", weights)
        epoch = held.step // STEPS_PER_EPOCH
        report = Report(
            batch=held.batch,
            metrics=tuple(
                MetricPoint("train_loss", step, epoch, 1.0, step % STEPS_PER_EPOCH == 0)
                for step in range(first, held.step + 1)
            ),
            checkpoints=(StoredCheckpoint(step=held.step, epoch=epoch, **stored),),
            last_step=held.step,
        )
        self._report(held, report, LEASE_S)
        return self._report(held, report, LEASE_S)

    def lapse(self, held: Held) -> None:
        """Fall silent for longer than the lease."""
        held.batch += 1
        self._report(held, Report(batch=held.batch), LAPSED_S)

    def succeed(self, held: Held) -> None:
        """End it well; twice, as after a lost answer."""
        name = "model.safetensors"
        stored = self._store(held, "artifacts", name, weights_after(held.seed, held.step))
        model = StoredArtifact(
            name=name,
            kind="model",
            media_type="application/octet-stream",
            description="the last link of the chain",
            **stored,
        )
        for _ in range(2):
            with db.writing(self._engine) as connection:
                endings.succeed(
                    connection,
                    held.job_id,
                    held.attempt,
                    result={"step": held.step},
                    stored=[model],
                )

    def fail(self, held: Held) -> None:
        ending = Ending(AttemptOutcome.FAILED, FailureClass.DIVERGED, "the loss is no number")
        for _ in range(2):
            with db.writing(self._engine) as connection:
                endings.fail(connection, held.job_id, held.attempt, ending)

    def release(self, held: Held) -> None:
        with db.writing(self._engine) as connection:
            endings.release(connection, held.job_id, held.attempt)

    def obey(self, held: Held) -> None:
        """End it because its owner gave it up."""
        for _ in range(2):
            with db.writing(self._engine) as connection:
                endings.cancelled(connection, held.job_id, held.attempt)

    def _report(self, held: Held, report: Report, lease_s: float) -> Wishes:
        with db.writing(self._engine) as connection:
            return lifecycle.report(
                connection, held.job_id, held.attempt, report, lease_seconds=lease_s
            )

    def _store(self, held: Held, folder: str, name: str, text: str) -> dict[str, Any]:
        self._scratch.write_text(text)
        key = attempt_key(held.job_id, held.attempt, folder, name)
        self._storage.put(key, self._scratch)
        content = text.encode()
        facts = {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {"storage_key": key, **facts}
