"""The checkpoints of one run: when they are due, what is in them, which are kept."""

import time
from pathlib import Path
from typing import Any

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
        self._written: list[Path] = []
        self._last = time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self._last >= self._interval_seconds

    def write(self, learner: Learner, state: RunState, step: int) -> None:
        """Write, report, and only then remove what is older than the one before."""
        path = self._directory / f"checkpoint-{step}.pt"
        contents = {
            "identity": self._identity,
            "step": step,
            "num_threads": torch.get_num_threads(),
            "random": random_states(),
            "learner": learner.state_dict(),
            "state": state.state_dict(),
        }
        checkpoint.write(path, contents)
        self._last = time.monotonic()
        self._reporter.emit(
            CheckpointWritten(
                name=path.name,
                step=step,
                epoch=state.epoch,
                size_bytes=path.stat().st_size,
                sha256=file_digest(path),
            )
        )
        self._written = [*(p for p in self._written if p != path), path]
        for old in self._written[:-KEPT]:
            old.unlink(missing_ok=True)
        self._written = self._written[-KEPT:]


def random_states() -> dict[str, Any]:
    """The global generators: dropout draws from them."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def restore_random_states(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["cpu"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
