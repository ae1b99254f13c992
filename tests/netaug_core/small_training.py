"""A real training of a fraction of a second: 32 striped pictures of two classes, a small network.

It goes the trainer's whole way, data files and checkpoint files included, without a process.
"""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from netaug_core.events import CheckpointWritten, RunEvent
from netaug_core.models import tensors_file
from netaug_core.models.network import build
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.tasks.registry import open_task
from netaug_core.training import checkpoint, identity
from netaug_core.training.control import Control, LeaveRequested, Wish
from netaug_core.training.devices import ONE, Group
from netaug_core.training.preparation import Setting, prepare
from netaug_core.training.snapshots import Snapshots
from netaug_core.training.trainer import Outside, Trainer
from netaug_core.weights import find_inputs
from tests.netaug_core import shapes

DATASET = "stripes"
FINISHED = "finished.safetensors"  # a network of other weights, to start or to learn from
STEPS_PER_EPOCH = 2
EPOCHS = 3  # widths are drawn in two of them, and the channels sorted before both
TIMES = {"epoch_seconds", "train_seconds", "step_seconds", "images_per_second"}
CPU = torch.device("cpu")

DOCUMENT: dict[str, Any] = {
    "model": {
        "name": "custom",
        "input_size": 16,
        "network": {
            "stem": {"out_channels": 4, "stride": 2},
            "blocks": [
                {"type": "inverted", "out_channels": 4, "mid_channels": 7, "squeeze_channels": 3},
                {"type": "inverted", "out_channels": 6, "mid_channels": 8, "stride": 2},
            ],
        },
    },
    "data": {
        "dataset": DATASET,
        "validation_fraction": 0.2,
        "batch_size": 12,
        "crop": "resized",
    },
    "augment": {
        "width_multipliers": [1.0, 1.5, 2.0],
        "expand_multipliers": [1.0, 1.5, 2.0],
        "calibration_images": 32,
    },
    "training": {
        "epochs": EPOCHS,
        "learning_rate": 0.05,
        "seed": 3,
        "checkpoint_interval_seconds": 3600,
    },
}
# Every option that draws random numbers, keeps a state of its own or changes the passes.
EVERYTHING: dict[str, Any] = {
    "model": {"dropout": 0.3},
    "data": {
        "horizontal_flip": True,
        "brightness": 0.2,
        "saturation": 0.4,
        "rand_augment": {"num_ops": 2, "magnitude": 9},
        "mixup": 0.4,
        "cutmix": 1.0,
    },
    "augment": {
        "every": 2,
        "probability": 0.8,
        "batch_fraction": 0.5,
        "input_scale": 0.75,
        "distill": 0.5,
        "project_gradient": True,
    },
    "pretrained": {"weights": FINISHED, "head": "keep"},
    "distillation": {"teacher": FINISHED},
    "training": {"ema_decay": 0.8, "warmup_epochs": 1},
}


def document(*changes: dict[str, Any]) -> dict[str, Any]:
    """The small training with changes, each laid over what is there."""
    return changed(DOCUMENT, *changes)


def changed(document: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with changes, each laid over what is there."""
    found = copy.deepcopy(document)
    for change in changes:
        _lay_over(found, change)
    return found


def _lay_over(under: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(key), dict):
            _lay_over(under[key], value)
        else:
            under[key] = copy.deepcopy(value)


def write_data(root: Path) -> Path:
    """A data root with the pictures, and a finished network for them."""
    shapes.write_folder(root / DATASET)
    write_finished(root, FINISHED, seed=99)
    return root


def write_finished(root: Path, name: str, *, seed: int) -> None:
    """The file of a network for the pictures, as a finished job would have left it."""
    spec = JobSpec.model_validate(document())
    task = Classification.open(spec, (root,), image_cache_bytes=0)
    dataset = task.dataset
    network = build(task.table, torch.Generator().manual_seed(seed))
    preprocessing = {
        "input_size": spec.model.input_size,
        "channels": dataset.in_channels,
        "mean": dataset.normalisation.mean,
        "std": dataset.normalisation.std,
    }
    facts = {
        "classes": json.dumps(dataset.class_names),
        "preprocessing": json.dumps(preprocessing),
    }
    tensors_file.write(root / name, network, facts)


class Asked(Control):
    """Is asked to leave after so many looks; never, if None."""

    def __init__(self, looks: int | None) -> None:
        super().__init__()
        self._left = looks

    def wish(self) -> Wish | None:
        if self._left is None:
            return None
        self._left -= 1
        return Wish.LEAVE if self._left < 0 else None


@dataclass
class Keeper:
    """A reporter that reads each checkpoint as soon as it is told of."""

    directory: Path
    checkpoints: list[dict[str, Any]] = field(default_factory=list)

    def emit(self, event: RunEvent) -> None:
        if isinstance(event, CheckpointWritten):
            self.checkpoints.append(checkpoint.read(self.directory / event.name))


@dataclass(frozen=True)
class Place:
    """Where trainings happen.

    Attributes:
        root: of the data.
        directory: for checkpoints; one a training.
        group: of the devices.
    """

    root: Path
    directory: Path
    group: Group = ONE

    def trainer(
        self,
        spec: JobSpec,
        control: Control,
        saved: dict[str, Any] | None = None,
        num_workers: int = 0,
    ) -> tuple[Trainer, Keeper]:
        self.directory.mkdir(parents=True, exist_ok=True)
        task = open_task(spec, (self.root,))
        inputs = find_inputs(spec.pretrained, spec.distillation, roots=(self.root,), inputs=None)
        keeper = Keeper(self.directory)
        snapshots = Snapshots(
            self.directory,
            keeper,
            identity.identity(spec, task.dataset, inputs),
            spec.training.checkpoint_interval_seconds,
        )
        setting = Setting(task, task.feed(CPU, self.group.rank, num_workers), inputs)
        outside = Outside(control, keeper, snapshots, self.group)
        return prepare(spec, setting, outside, saved), keeper


def train(place: Place, spec: JobSpec, num_workers: int = 0) -> Trainer:
    """Without any interruption."""
    trainer, _ = place.trainer(spec, Control(), num_workers=num_workers)
    trainer.run()
    return trainer


def train_in_attempts(place: Place, spec: JobSpec, looks: Sequence[int]) -> Trainer:
    """Each attempt but the last is asked to leave after so many looks, and the next resumes."""
    saved = None
    for looks_left in looks:
        trainer, _ = place.trainer(spec, Asked(looks_left), saved)
        try:
            trainer.run()
        except LeaveRequested:
            saved = checkpoint.read(place.directory / f"checkpoint-{trainer.step}.pt")
        else:
            raise AssertionError(f"ended before it had looked {looks_left} times")
    return resume(place, spec, saved)


def resume(place: Place, spec: JobSpec, saved: dict[str, Any] | None) -> Trainer:
    trainer, _ = place.trainer(spec, Control(), saved)
    trainer.run()
    return trainer


def ending(trainer: Trainer) -> dict[str, Any]:
    """All that a training leaves, besides what a clock told."""
    whole = {"learner": trainer.learner.state_dict(), "state": trainer.state.state_dict()}
    return dict(flat(whole))


def flat(value: object, name: str = "") -> list[tuple[str, Any]]:
    """The leaves of a nested state by their path."""
    if isinstance(value, dict):
        pairs = [(str(key), inner) for key, inner in value.items() if key not in TIMES]
    elif isinstance(value, list | tuple):
        pairs = [(str(index), inner) for index, inner in enumerate(value)]
    else:
        return [(name, value.clone() if isinstance(value, torch.Tensor) else value)]
    return [leaf for key, inner in pairs for leaf in flat(inner, f"{name}/{key}")]


def assert_same_bits(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        same = (
            torch.equal(found[name], value)
            if isinstance(value, torch.Tensor)
            else (found[name] == value)
        )
        assert same, name
