"""Files of an attempt on their way to storage, one after the other, beside the heartbeats."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import TypeVar

import structlog

from jobs.endings import StoredArtifact
from jobs.errors import ObjectMissing
from jobs.recording import StoredCheckpoint
from jobs.storage import Storage, attempt_key
from netaug_core.datasets import file_digest
from netaug_core.events import ArtifactWritten, CheckpointWritten
from worker.errands import Errands
from worker.patience import patiently
from worker.trainer_process import WorkDir

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class Uploads:
    """Uploads of one attempt. Every digest is taken again from the bytes that were stored.

    A store that is away is tried again for `patience_s` seconds. Meanwhile one checkpoint waits at
    most, the newest: each holds all of the run, its best network included.
    """

    def __init__(
        self, storage: Storage, job_id: str, attempt: int, work: WorkDir, *, patience_s: float = 0.0
    ) -> None:
        self._storage = storage
        self._patience_s = patience_s
        self._closing = Event()
        self._job_id = job_id
        self._attempt = attempt
        self._work = work
        self._errands = Errands("upload")
        self._checkpoints: dict[Future[StoredCheckpoint], Path] = {}

    def run(self, work: Callable[[], Result]) -> "Future[Result]":
        """Begin other work with storage."""
        return self._errands.submit(lambda: self._patiently(work))

    def _patiently(self, work: Callable[[], Result]) -> Result:
        return patiently(work, seconds=self._patience_s, given_up=self._closing)

    def _put(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
        _check(path, size_bytes, sha256)
        self._patiently(
            lambda: self._storage.put_checked(key, path, size_bytes=size_bytes, sha256=sha256)
        )

    def checkpoint(self, event: CheckpointWritten) -> None:
        """Begin to store a checkpoint."""
        held = self._work.uploads / event.name
        try:
            # The trainer deletes a checkpoint when it has a newer one; this name stays.
            os.link(self._work.output / event.name, held, follow_symlinks=False)
        except FileNotFoundError:
            return  # there is a newer one already, and its event is on the way
        except FileExistsError:
            return  # the same step, written again by a trainer that leaves: it is on its way
        self._drop_waiting()
        self._checkpoints[self._errands.submit(lambda: self._store_checkpoint(event, held))] = held

    def _drop_waiting(self) -> None:
        for upload, held in list(self._checkpoints.items()):
            if upload.cancel():  # it has not begun
                held.unlink()
                del self._checkpoints[upload]
                log.info("checkpoint_superseded", job_id=self._job_id, name=held.name)

    def _store_checkpoint(self, event: CheckpointWritten, held: Path) -> StoredCheckpoint:
        key = attempt_key(self._job_id, self._attempt, "checkpoints", event.name)
        try:
            self._put(key, held, size_bytes=event.size_bytes, sha256=event.sha256)
        finally:
            held.unlink(missing_ok=True)  # a failed one would keep the disk full
        return StoredCheckpoint(event.step, event.epoch, key, event.size_bytes, event.sha256)

    def stored_checkpoints(self) -> list[StoredCheckpoint]:
        """Checkpoints that have been stored since the last call; failed ones are logged."""
        ended = [future for future in self._checkpoints if future.done()]
        stored = []
        for future in ended:
            del self._checkpoints[future]
            error = future.exception()
            if error is None:
                stored.append(future.result())
            else:
                # Training goes on: a later checkpoint may be stored, an older one is there.
                log.warning("checkpoint_not_stored", job_id=self._job_id, reason=str(error))
        return stored

    @property
    def is_idle(self) -> bool:
        return all(future.done() for future in self._checkpoints)

    def artifacts(self, written: list[ArtifactWritten]) -> "Future[list[StoredArtifact]]":
        """Begin to store the files for the user."""
        return self._errands.submit(lambda: [self._store_artifact(event) for event in written])

    def _store_artifact(self, event: ArtifactWritten) -> StoredArtifact:
        path = self._work.output / event.name
        key = attempt_key(self._job_id, self._attempt, "artifacts", event.name)
        self._put(key, path, size_bytes=event.size_bytes, sha256=event.sha256)
        return StoredArtifact(
            name=event.name,
            kind=event.kind,
            media_type=event.media_type,
            description=event.description,
            storage_key=key,
            size_bytes=event.size_bytes,
            sha256=event.sha256,
        )

    def close(self, *, wait: bool = True) -> None:
        """Give up what has not been stored; an answer of the store may be waited for."""
        self._closing.set()
        self._errands.close(wait=wait)


def _check(path: Path, size_bytes: int, sha256: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise ObjectMissing(f"the trainer left no file {path.name}")
    if path.stat().st_size != size_bytes or file_digest(path) != sha256:
        raise ObjectMissing(f"{path.name} is not what the trainer said it had written")
