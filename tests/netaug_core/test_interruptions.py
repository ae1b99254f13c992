"""One job through real processes: stopped in every way, with any number of loader workers.

Its files are byte for byte those of a process that was left alone.
"""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from netaug_core.errors import EXIT_LEFT
from netaug_core.events import CheckpointWritten, Finished
from tests.netaug_core import runs, small_training
from tests.netaug_core.small_training import EVERYTHING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # six processes start, one by one
EPOCHS = 12  # so many that no process ends before its interruption reaches it
STEPS = small_training.STEPS_PER_EPOCH * EPOCHS  # of the training, then of its control
CHANGES = {
    "control": True,
    "training": {"epochs": EPOCHS, "checkpoint_interval_seconds": 0},
}
CLOCKED = {"step_time_ratio", "train_time_ratio", "step_seconds", "train_seconds"}


class Job:
    """Attempts at one spec, each going on where the one before it got."""

    def __init__(self, directory: Path, root: Path) -> None:
        document = small_training.document(EVERYTHING, CHANGES)
        self.out = directory / "out"
        self._spec = runs.write_spec(directory, document)
        self._root = root
        self.control = directory / "control"

    def start(self, num_workers: int) -> runs.Process:
        options = ["--data", str(self._root), "--loader-workers", str(num_workers)]
        found = sorted(self.out.glob("checkpoint-*.pt"), key=_step)
        if found:
            options += ["--resume", str(found[-1])]
        return runs.start(self._spec, self.out, "--control", str(self.control), *options)

    def finish(self, num_workers: int) -> Finished:
        process = self.start(num_workers)
        last = process.rest()[-1]
        code, errors = process.wait()
        assert code == 0, errors
        assert isinstance(last, Finished)
        return last


def _step(file: Path) -> int:
    return int(file.stem.split("-")[1])


def _interrupt(process: runs.Process, at_step: int, how: Callable[[], object]) -> int:
    """The exit code of a process that is interrupted once it has written this step's checkpoint."""
    while True:
        event = process.next_event()
        assert event is not None, "the process ended before its interruption"
        if isinstance(event, CheckpointWritten) and event.step >= at_step:
            break
    how()
    process.rest()
    return process.wait()[0]


def test_a_job_stopped_in_every_way_leaves_the_same_files(tmp_path: Path) -> None:
    root = small_training.write_data(tmp_path / "data")
    whole, job = Job(tmp_path / "whole", root), Job(tmp_path / "job", root)
    expected = whole.finish(num_workers=0)

    process = job.start(num_workers=2)
    assert _interrupt(process, 2, process.process.terminate) == EXIT_LEFT
    process = job.start(num_workers=1)
    assert _interrupt(process, 5, process.process.kill) == -signal.SIGKILL
    process = job.start(num_workers=0)
    assert _interrupt(process, STEPS + 2, lambda: job.control.write_text("leave")) == EXIT_LEFT
    job.control.unlink()
    found = job.finish(num_workers=2)

    assert found.step == expected.step == 2 * STEPS
    assert _results(found) == _results(expected)
    for name in ("model.safetensors", "model.onnx"):
        assert (job.out / name).read_bytes() == (whole.out / name).read_bytes(), name
    assert _receipt(job.out) == _receipt(whole.out)


def _results(finished: Finished) -> dict[str, object]:
    return {name: value for name, value in finished.result.items() if name not in CLOCKED}


def _receipt(out: Path) -> dict[str, object]:
    card = json.loads((out / "model_card.json").read_text())
    receipt = card["netaug_receipt"].items()
    return {name: value for name, value in receipt if name not in CLOCKED}
