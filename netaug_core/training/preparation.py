"""Makes a training ready to run: its network, what that starts from, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netaug_core.spec import JobSpec
from netaug_core.training.learner import Learner
from netaug_core.training.state import Best, RunState
from netaug_core.training.task import Feed, Task
from netaug_core.training.trainer import Outside, Trainer
from netaug_core.weights import Inputs


@dataclass(frozen=True)
class Setting:
    """What all trainings of a run share."""

    task: Task
    feed: Feed
    inputs: Inputs


@dataclass(frozen=True)
class Trained:
    """A training that has ended, and the best network it found."""

    trainer: Trainer
    best: Best


def prepare(
    spec: JobSpec, setting: Setting, outside: Outside, saved: Mapping[str, Any] | None
) -> Trainer:
    """A training, new or as a checkpoint has it.

    Raises:
        BadSpec: the weights to start from, or the teacher, do not fit.
    """
    task, feed = setting.task, setting.feed
    learner = Learner(
        spec,
        task.table,
        feed.device,
        objective=task.objective(setting.inputs, feed.device, outside.group),
        group=outside.group,
    )
    state = RunState()
    if saved is not None:
        if saved["learner"] is not None:  # an ended training is not trained again
            learner.load_state_dict(saved["learner"])
        state = RunState.from_state_dict(saved["state"])
    elif setting.inputs.pretrained is not None:
        for net in learner.networks():
            task.load_pretrained(net, setting.inputs.pretrained)
    return Trainer(spec, task, feed, learner, state=state, outside=outside)
