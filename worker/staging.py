"""An attempt's work directory: made and filled before the trainer starts, removed at its end."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from jobs.errors import ObjectMissing
from jobs.lifecycle import Claim
from jobs.storage import Storage
from netaug_core import weights
from netaug_core.errors import BadSpec
from netaug_core.spec import JobSpec
from worker.trainer_process import WorkDir

log = structlog.get_logger(__name__)

LOCK_FILE = "supervisor.lock"
DIRECTORY_MODE = 0o700


@contextmanager
def work_directory(root: Path, claim: Claim) -> Iterator[WorkDir]:
    """A new directory for this attempt, locked while its supervisor lives."""
    path = root / f"{claim.job.id}-{claim.job.attempt}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=DIRECTORY_MODE, parents=True)
    work = WorkDir(path)
    try:
        with (path / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            work.output.mkdir()
            work.uploads.mkdir()
            work.spec.write_text(JobSpec.model_validate(claim.job.spec).canonical_json())
            yield work
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(root: Path) -> int:
    """Remove directories whose supervisor is dead; how many there were."""
    removed = 0
    root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    for path in root.iterdir():
        if _is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed


def _is_abandoned(path: Path) -> bool:
    with contextlib.suppress(OSError), (path / LOCK_FILE).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def fetch_sources(storage: Storage, claim: Claim, work: WorkDir) -> None:
    """Bring the models that the job starts or learns from into its inputs.

    Raises:
        BadSpec: a job that the spec names has been deleted.
        ObjectMissing: a model is not in storage, or is not what was stored.
        StorageUnavailable: the store does not answer.
    """
    if not claim.sources:
        return
    work.inputs.mkdir()
    for model in claim.sources:
        field, job_id = model.source.field, model.source.job_id
        if model.artifact is None:
            raise BadSpec(f"{field}: job {job_id} has been deleted; submit with another one")
        storage.fetch(
            model.artifact.storage_key,
            weights.staged(work.inputs, job_id),
            size_bytes=model.artifact.size_bytes,
            sha256=model.artifact.sha256,
        )


def fetch_checkpoint(storage: Storage, claim: Claim, work: WorkDir) -> Path | None:
    """The newest checkpoint that is whole, or None: then training begins anew.

    Raises:
        StorageUnavailable: the store does not answer.
    """
    target = work.path / "resume.pt"
    for checkpoint in claim.checkpoints:
        try:
            storage.fetch(
                checkpoint.storage_key,
                target,
                size_bytes=checkpoint.size_bytes,
                sha256=checkpoint.sha256,
            )
        except ObjectMissing as error:
            log.warning("checkpoint_unusable", job_id=claim.job.id, reason=str(error))
            continue
        return target
    return None
