"""The checkpoints of one run: when they are due, what is in them, which are kept."""

import time
from pathlib import Path

import torch

from netaug_core.datasets import file_digest
from netaug_core.events import CheckpointWritten
from netaug_core.training import checkpoint
from netaug_core.training.learner import Learner
from netaug_core.training.reporting import Reporter
from netaug_core.training.state import RunState

KEPT = 2  # the newest, and the one before it, which the supervisor may still be reading


class Snapshots:
    """Writes checkpoint-{step}.pt into a directory, at most one an interval."""

    def __init__(
        self, directory: Path, reporter: Reporter, identity: dict[str, str], interval_seconds: float
    ) -> None:
        self._directory = directory
        self._reporter = reporter
        self._identity = identity
        self._interval_seconds = interval_seconds
        self._finished: RunState | None = None
        self._steps_before = 0
        self._written: list[Path] = []
        self._last = time.monotonic()

    def begin_control(self, finished: RunState, steps_before: int) -> None:
        """From here on checkpoints are the control's, and also hold how the main run ended."""
        self._finished = finished
        self._steps_before = steps_before

    def is_due(self) -> bool:
        return time.monotonic() - self._last >= self._interval_seconds

    def write(self, learner: Learner, state: RunState, step: int) -> None:
        """Write, report, and only then remove what is older than the one before."""
        step += self._steps_before
        epoch = state.epoch
        if self._finished is not None:
            epoch += self._finished.epoch
        path = self._directory / f"checkpoint-{step}.pt"
        contents = {
            "identity": self._identity,
            "step": step,
            "num_threads": torch.get_num_threads(),
            "learner": learner.state_dict(),
            "state": state.state_dict(),
            "finished": None if self._finished is None else self._finished.state_dict(),
        }
        checkpoint.write(path, contents)
        self._last = time.monotonic()
        self._reporter.emit(
            CheckpointWritten(
                name=path.name,
                step=step,
                epoch=epoch,
                size_bytes=path.stat().st_size,
                sha256=file_digest(path),
            )
        )
        self._written = [*(p for p in self._written if p != path), path]
        for old in self._written[:-KEPT]:
            old.unlink(missing_ok=True)
        self._written = self._written[-KEPT:]
