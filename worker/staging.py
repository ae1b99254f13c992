"""An attempt's work directory: made and filled before the trainer starts, removed at its end."""

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from jobs.errors import ObjectMissing
from jobs.lifecycle import Claim
from jobs.storage import Storage
from netaug_core import weights
from netaug_core.errors import BadSpec
from worker.burial import MARKER
from worker.process_table import bearers
from worker.trainer_process import WorkDir

log = structlog.get_logger(__name__)

LOCK_FILE = "supervisor.lock"
DIRECTORY_MODE = 0o700


@contextmanager
def work_directory(root: Path, name: str) -> Iterator[WorkDir]:
    """A new directory for one attempt, locked while its supervisor lives."""
    path = root / name
    shutil.rmtree(path, ignore_errors=True)
    work = WorkDir(path)
    try:
        with _locked(path):
            work.output.mkdir()
            work.uploads.mkdir()
            yield work
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make a directory and lock it; again, if a sweep took it for abandoned in between."""
    while True:
        path.mkdir(mode=DIRECTORY_MODE, parents=True)
        with (path / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink:
                yield
                return
        shutil.rmtree(path, ignore_errors=True)


def sweep(root: Path) -> int:
    """Kill processes and remove directories whose supervisor is dead; how many directories."""
    root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    for pid in orphans(root):
        log.warning("orphan_killed", pid=pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return sum(map(_remove_abandoned, root.iterdir()))


def _remove_abandoned(path: Path) -> bool:
    with _abandoned(path) as is_abandoned:
        if is_abandoned:
            shutil.rmtree(path, ignore_errors=True)
    return is_abandoned


def _is_abandoned(path: Path) -> bool:
    with _abandoned(path) as is_abandoned:
        return is_abandoned


@contextmanager
def _abandoned(path: Path) -> Iterator[bool]:
    """Whether no supervisor holds it; none can while it is looked at."""
    with contextlib.ExitStack() as held:
        is_free = False
        with contextlib.suppress(OSError):
            lock = held.enter_context((path / LOCK_FILE).open())
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        yield is_free


def orphans(root: Path) -> Iterator[int]:
    """Processes of attempts below `root` whose supervisor is dead, as their environment tells."""
    mark = f"{MARKER}={root}/".encode()
    for pid, variable in bearers(mark):
        with contextlib.suppress(OSError):  # it has ended
            if _has_no_supervisor(pid, variable):
                yield pid


def _has_no_supervisor(pid: int, variable: bytes) -> bool:
    directory = os.fsdecode(variable.partition(b"=")[2])
    # As the process sees it: another container may have another directory at this path.
    seen = Path(f"/proc/{pid}/root{directory}")
    return not (seen / LOCK_FILE).exists() or _is_abandoned(seen)


def fetch_sources(storage: Storage, claim: Claim, work: WorkDir) -> None:
    """Bring the models that the job starts or learns from into its inputs.

    Raises:
        BadSpec: a job that the spec names has been deleted.
        ObjectMissing: a model is not in storage, or is not what was stored.
        StorageUnavailable: the store does not answer.
    """
    if not claim.sources:
        return
    work.inputs.mkdir(exist_ok=True)  # it may be the second try
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
