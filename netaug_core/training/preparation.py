"""Makes a training ready to run: its network, what that starts from, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netaug_core.architectures import Architecture
from netaug_core.data.batches import Feed
from netaug_core.data.dataset import Dataset
from netaug_core.spec import JobSpec
from netaug_core.training import pretrained, teacher
from netaug_core.training.learner import Learner
from netaug_core.training.state import Best, RunState
from netaug_core.training.trainer import Outside, Trainer
from netaug_core.weights import Inputs


@dataclass(frozen=True)
class Setting:
    """What all trainings of a run share."""

    dataset: Dataset
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
    dataset, feed = setting.dataset, setting.feed
    learner = Learner(
        spec,
        architecture_of(spec, dataset),
        feed.device,
        teacher=_load_teacher(setting),
        group=outside.group,
    )
    state = RunState()
    if saved is not None:
        if saved["learner"] is not None:  # an ended training is not trained again
            learner.load_state_dict(saved["learner"])
        state = RunState.from_state_dict(saved["state"])
    elif spec.pretrained is not None and setting.inputs.pretrained is not None:
        for net in learner.networks():
            pretrained.load_into(
                net,
                spec.pretrained,
                setting.inputs.pretrained,
                class_names=dataset.class_names,
            )
    return Trainer(spec, dataset, feed, learner, state=state, outside=outside)


def architecture_of(spec: JobSpec, dataset: Dataset) -> Architecture:
    return spec.model.architecture(
        num_classes=len(dataset.class_names), in_channels=dataset.in_channels
    )


def _load_teacher(setting: Setting) -> teacher.Teacher | None:
    if setting.inputs.teacher is None:
        return None
    return teacher.load(
        setting.inputs.teacher,
        class_names=setting.dataset.class_names,
        in_channels=setting.dataset.in_channels,
        normalisation=setting.dataset.normalisation,
        device=setting.feed.device,
    )
