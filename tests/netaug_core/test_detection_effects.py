"""Fields of a detector's spec that change no weights change what they are for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from netaug_core.detection.matching import Detections
from netaug_core.detectors.table import Detector
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.tasks.detection import Detection
from netaug_core.tasks.registry import open_task
from netaug_core.training.devices import ONE
from tests.netaug_core import small_detection, small_training
from tests.netaug_core.small_training import CPU, Place

SURE = 0.01
ALL: dict[str, Any] = {
    "score_threshold": 0.001,
    "nms_threshold": 1.0,
    "detections_per_image": 1000,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    small_training.write_data(root)
    return small_detection.write_data(root)


def test_a_task_has_its_own_network_and_data(root: Path) -> None:
    detection = open_task(small_detection.spec(), (root,))
    small = JobSpec.model_validate(small_training.document())

    assert isinstance(detection, Detection)
    assert isinstance(detection.table, Detector)
    assert detection.dataset.class_names == small_detection.CLASSES
    assert isinstance(open_task(small, (root,)), Classification)


@pytest.mark.parametrize("metric", ["ap50", "ap50_voc07", "ap"])
def test_the_metric_picks_the_best_epoch(root: Path, tmp_path: Path, metric: str) -> None:
    spec = small_detection.spec({"detection": {"metric": metric}})

    trainer = small_training.train(Place(root, tmp_path), spec)

    values = [row.values[f"validation_{metric}"] for row in trainer.state.history]
    assert trainer.state.best is not None
    assert trainer.state.best.score == max(values) > 0


def test_what_is_kept_of_the_answers_is_the_specs(root: Path) -> None:
    everything = found(root, ALL)
    sure = found(root, ALL | {"score_threshold": SURE})
    apart = found(root, ALL | {"nms_threshold": 0.1})
    few = found(root, ALL | {"detections_per_image": 3})

    assert all(one.scores.min() < SURE < one.scores.max() for one in everything)
    assert all(one.scores.min() > SURE for one in sure)
    assert max(map(largest_overlap, everything)) > 0.1
    assert max(map(largest_overlap, apart)) <= 0.1
    assert [one.scores.tolist() for one in few] == [one.scores.tolist()[:3] for one in everything]


def found(root: Path, limits: dict[str, Any]) -> tuple[Detections, ...]:
    task = Detection.open(small_detection.spec({"detection": limits}), (root,))
    network = small_detection.calibrated(task, seed=5)
    feed = task.feed(CPU, ONE.rank, 0)
    return task.answer(network, task.dataset.test, feed, lambda: None, ONE).found


def largest_overlap(one: Detections) -> float:
    """Of two boxes of the same class."""
    overlaps = box_iou(torch.from_numpy(one.boxes), torch.from_numpy(one.boxes)).numpy()
    same = one.labels[:, None] == one.labels[None]
    return float(np.where(same & ~np.eye(len(same), dtype=bool), overlaps, 0).max())
