"""Tiny real runs: 1,293 digits, a net of a tenth of the width, ten steps."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from netaug_core.data.order import Rank
from netaug_core.events import AnyRunEvent, RunEvent, parse_line
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.training import checkpoint, identity
from netaug_core.training.control import Control
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective
from netaug_core.training.snapshots import Snapshots
from netaug_core.training.state import RunState
from netaug_core.training.trainer import Outside, Trainer
from netaug_core.weights import Inputs
from tests.small_network import SMALL_MODEL

STEPS_PER_EPOCH = 5  # 1,293 images in batches of 256
TOTAL_STEPS = 10
WHOLE_EPOCHS = 6  # of a run that is killed on its way: see Process.hold_back
WHOLE_STEPS = WHOLE_EPOCHS * STEPS_PER_EPOCH
PIPE_BYTES = 4096  # the least a pipe can hold


def tiny_document(**training: object) -> dict[str, Any]:
    return {
        "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 28, "dropout": 0.1},
        "data": {"dataset": "digits", "batch_size": 256},
        "augment": {
            "width_multipliers": [1.0, 2.0],
            "expand_multipliers": [1.0, 2.0],
            "calibration_images": 64,
        },
        "training": {
            "epochs": 2,
            "learning_rate": 0.05,
            "seed": 3,
            "checkpoint_interval_seconds": 0,
            **training,
        },
    }


def small_document(**training: object) -> dict[str, Any]:
    """The same with a net of few layers, for runs that go all the way to the verified files."""
    found = tiny_document(**training)
    return found | {"model": {**SMALL_MODEL, "dropout": 0.1}}


def whole_document() -> dict[str, Any]:
    return small_document(epochs=WHOLE_EPOCHS)


def tiny_spec(**training: object) -> JobSpec:
    return JobSpec.model_validate(tiny_document(**training))


def plain_spec() -> JobSpec:
    return JobSpec.model_validate(tiny_document() | {"augment": None})


@dataclass
class Recorder:
    """A reporter that keeps the events."""

    events: list[RunEvent] = field(default_factory=list)

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)


@dataclass(frozen=True)
class Resumed:
    """A training that ran through, and the same one resumed after three of its steps."""

    whole: Trainer
    resumed: Trainer

    def ended_alike(self) -> None:
        """The same bits, as far as a trainer knows them."""
        best, again = self.whole.state.best, self.resumed.state.best
        assert best is not None
        assert again is not None
        assert again.score == best.score
        for name, tensor in self.whole.learner.net.state_dict().items():
            assert torch.equal(self.resumed.learner.net.state_dict()[name], tensor), name


def resume_after_three(spec: JobSpec, directory: Path) -> Resumed:
    """Run a training, keep the checkpoint of its third step, and go on from that anew."""
    first, second = directory / "a", directory / "b"
    first.mkdir()
    second.mkdir()
    whole = make_trainer(spec, first)
    saved: dict[str, Any] = {}

    class Keeping(Control):
        def wish(self) -> None:
            # Called before each step: the checkpoint of the step before is complete.
            if whole.step == 3 and not saved:
                saved.update(checkpoint.read(first / "checkpoint-3.pt"))

    whole.control = Keeping()
    whole.run()
    resumed = make_trainer(spec, second, saved=saved)
    resumed.run()
    return Resumed(whole, resumed)


def make_trainer(
    spec: JobSpec,
    directory: Path,
    control: Control | None = None,
    saved: dict[str, Any] | None = None,
) -> Trainer:
    """A trainer without the command line around it."""
    torch.manual_seed(spec.training.seed)
    task = Classification.open(spec, (), image_cache_bytes=0)
    cpu = torch.device("cpu")
    learner = Learner(spec, task.table, cpu, objective=Objective.of(spec))
    state = RunState()
    if saved is not None:
        learner.load_state_dict(saved["learner"])
        state = RunState.from_state_dict(saved["state"])
    recorder = Recorder()
    snapshots = Snapshots(
        directory,
        recorder,
        identity.identity(spec, task.dataset, Inputs()),
        spec.training.checkpoint_interval_seconds,
    )
    outside = Outside(control or Control(), recorder, snapshots)
    return Trainer(
        spec,
        task,
        task.feed(cpu, Rank(0, 1), 0),
        learner,
        state=state,
        outside=outside,
    )


def write_spec(directory: Path, document: dict[str, Any]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "spec.json"
    path.write_text(json.dumps(document))
    return path


@dataclass
class Process:
    """A trainer process and the stream of its events."""

    process: subprocess.Popen[str]
    stream: int
    buffer: bytes = b""

    def hold_back(self) -> None:
        """The run waits whenever it is 4 KB of events, some fifteen steps, ahead of its reader."""
        fcntl.fcntl(self.stream, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def next_event(self) -> AnyRunEvent | None:
        """Blocks until the next event; None at the end of the stream."""
        while b"\n" not in self.buffer:
            piece = os.read(self.stream, 1 << 16)
            if not piece:
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return parse_line(line)

    def rest(self) -> list[AnyRunEvent]:
        return list(iter(self.next_event, None))

    def wait(self) -> tuple[int, str]:
        """Exit code and stderr."""
        _, errors = self.process.communicate()
        os.close(self.stream)
        return self.process.returncode, errors


def start(spec: Path, out: Path, *options: str) -> Process:
    reading, writing = os.pipe()
    command: Sequence[str] = [sys.executable, "-m", "netaug_core", "train", str(spec)]
    command = [*command, "--out", str(out), "--threads", "1", "--events-fd", str(writing), *options]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.PIPE, text=True)
    os.close(writing)
    return Process(process, reading)
