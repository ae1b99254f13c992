"""What several processes do together with a detector in the tests, and one alone for comparison."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netaug_core.detection.matching import Detections
from netaug_core.detection.objective import DetectionObjective
from netaug_core.spec import JobSpec
from netaug_core.tasks.detection import Detection
from netaug_core.training.devices import Group
from netaug_core.training.evaluate_detection import Answers
from netaug_core.training.learner import Learner
from netaug_core.weights import Inputs
from tests.netaug_core import small_detection
from tests.netaug_core.shared_training import Weights, in_double_precision, weights_of

CPU = torch.device("cpu")
BATCH = 12  # all that there is to train on
Rows = list[tuple[list[float], float, int]]


def document(*changes: dict[str, Any]) -> dict[str, Any]:
    shared = {
        "data": {"batch_size": BATCH},
        "training": {"batch_norm": "all_devices", "epochs": 1, "learning_rate": 0.001},
    }
    return small_detection.document(shared, *changes)


@cache
def task(root: Path, text: str) -> Detection:
    return Detection.open(JobSpec.model_validate_json(text), (root,))


def train(
    group: Group, root: Path, text: str, num_steps: int, *, is_alone_in_counting: bool = False
) -> tuple[Weights, Tensor, list[int]]:
    """Weights after some steps, the losses of each, and the objects in this device's batches.

    Each step sees the first batch of an epoch of its own.

    Args:
        group: of the devices.
        root: of the data.
        text: the spec, as JSON.
        num_steps: to take.
        is_alone_in_counting: each device divides by the number of its own objects.
    """
    detection = task(root, text)
    objective = detection.objective(Inputs(), CPU, group)
    if is_alone_in_counting:
        objective = DetectionObjective(detection.coding)
    with in_double_precision():
        learner = Learner(detection.spec, detection.table, CPU, objective=objective, group=group)
        feed = detection.feed(CPU, group.rank, 0)
        losses, counts = [], []
        for step in range(num_steps):
            (batch,) = feed.training(detection.dataset.train, step, BATCH, 0)
            learner.start_epoch(0)
            losses.append(learner.step(batch.images.double(), batch.targets, 0, step))
            counts.append(len(batch.targets))
    return weights_of(learner.net), torch.stack(losses), counts


def found_by(group: Group, root: Path, text: str, num_pictures: int) -> tuple[Rows, float]:
    """What an untrained detector finds in some pictures, all of it in a row, and its loss."""
    answers = answers_of(group, task(root, text), num_pictures)
    return [row for one in answers.found for row in rows_of(one)], answers.loss


def answers_of(group: Group, detection: Detection, num_pictures: int) -> Answers:
    train_part = detection.dataset.train
    part = train_part.take(np.arange(num_pictures, dtype=np.int64) % len(train_part))
    learner = Learner(
        detection.spec, detection.table, CPU, objective=detection.objective(Inputs(), CPU, group)
    )
    network = learner.deployable()
    return detection.answer(network, part, detection.feed(CPU, group.rank, 0), lambda: None, group)


def rows_of(found: Detections) -> Rows:
    pairs = zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
    return list(pairs)


def means(group: Group, values: list[float]) -> float:
    return group.mean(values[group.rank.number])


def gathered(group: Group, counts: list[int]) -> Tensor:
    """As many rows as the device's number in `counts`; each row says whose it is."""
    own = torch.full((counts[group.rank.number], 2), float(group.rank.number))
    return group.gather(own)
