"""Files on their way to storage."""

import hashlib
import threading
from pathlib import Path

from jobs.settings import Settings
from jobs.storage import Storage
from netaug_core.events import CheckpointWritten
from worker.trainer_process import WorkDir
from worker.uploads import Uploads

CONTENT = b"weights"


def test_a_step_that_is_written_again_while_it_is_on_its_way_is_stored_once(
    settings: Settings, tmp_path: Path
) -> None:
    # fails if the second one is an error: the attempt was lost, though it only had to leave
    work = WorkDir(tmp_path / "attempt")
    for folder in (work.path, work.output, work.uploads):
        folder.mkdir()
    (work.output / "checkpoint-5.pt").write_bytes(CONTENT)
    written = CheckpointWritten(
        name="checkpoint-5.pt",
        step=5,
        epoch=0,
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    uploads = Uploads(Storage.open(settings), "job_1", 1, work, patience_s=1.0)
    store_answers = threading.Event()
    uploads.run(store_answers.wait)

    try:
        uploads.checkpoint(written)
        uploads.checkpoint(written)
    finally:
        store_answers.set()
    uploads.run(lambda: None).result()

    assert [stored.step for stored in uploads.stored_checkpoints()] == [5]
    uploads.close()
