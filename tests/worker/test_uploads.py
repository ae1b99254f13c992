"""Files on their way to storage."""

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jobs.settings import Settings
from jobs.storage import Storage
from netaug_core.events import CheckpointWritten
from worker.trainer_process import WorkDir
from worker.uploads import Uploads

CONTENT = b"weights"


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    work = WorkDir(tmp_path / "attempt")
    for folder in (work.path, work.output, work.uploads):
        folder.mkdir()
    return work


def written(work: WorkDir, step: int) -> CheckpointWritten:
    name = f"checkpoint-{step}.pt"
    (work.output / name).write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    return CheckpointWritten(name=name, step=step, epoch=0, size_bytes=len(CONTENT), sha256=digest)


def test_of_the_checkpoints_that_wait_only_the_newest_is_kept(
    settings: Settings, work: WorkDir
) -> None:
    # fails if each is kept: the links grew beyond the attempt's limit on its files
    storage = Storage.open(settings)
    uploads = Uploads(storage, "job_1", 1, work, patience_s=1.0)
    store_answers = threading.Event()
    uploads.run(store_answers.wait)

    try:
        for step in (5, 6, 7):
            uploads.checkpoint(written(work, step))
        held = [path.name for path in work.uploads.iterdir()]
    finally:
        store_answers.set()
    uploads.run(lambda: None).result()

    assert held == ["checkpoint-7.pt"]
    assert [stored.step for stored in uploads.stored_checkpoints()] == [7]
    assert [key.rpartition("/")[2] for key in storage.keys("jobs")] == held
    uploads.close()


def test_a_step_that_is_written_again_while_it_is_on_its_way_is_stored_once(
    settings: Settings, work: WorkDir
) -> None:
    # fails if the second one is an error: the attempt was lost, though it only had to leave
    uploads = Uploads(Storage.open(settings), "job_1", 1, work, patience_s=1.0)
    store_answers = threading.Event()
    uploads.run(store_answers.wait)

    try:
        uploads.checkpoint(written(work, 5))
        uploads.checkpoint(written(work, 5))
    finally:
        store_answers.set()
    uploads.run(lambda: None).result()

    assert [stored.step for stored in uploads.stored_checkpoints()] == [5]
    uploads.close()


LEAVES = """
import sys, threading, time
from pathlib import Path
from worker.trainer_process import WorkDir
from worker.uploads import Uploads
uploads = Uploads(None, "job_1", 1, WorkDir(Path(sys.argv[1])))
asked = threading.Event()
uploads.run(lambda: (asked.set(), time.sleep(600)))
asked.wait()
uploads.close(wait=False)
"""


def test_no_process_waits_at_its_end_for_a_store_that_is_silent(tmp_path: Path) -> None:
    # fails with a thread that Python joins at its exit
    subprocess.run([sys.executable, "-c", LEAVES, str(tmp_path)], check=True, timeout=20)
