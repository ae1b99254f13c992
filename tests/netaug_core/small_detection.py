"""A real detection training of a second: 20 pictures of coloured rectangles, a small detector.

It goes the trainer's whole way, as small_training.py does for classification.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.detection.annotation import Annotation
from netaug_core.models import detector_file
from netaug_core.models.detector import DetectionNetwork, build
from netaug_core.spec import JobSpec
from netaug_core.tasks.detection import Detection
from netaug_core.training.calibration import calibrate
from netaug_core.training.devices import ONE
from tests.netaug_core import detection_sets, small_training
from tests.netaug_core.detector_tables import OWN

DATASET = "rectangles"
OTHER_DATASET = "wide"  # other rectangles, in pictures that are no squares
FINISHED = "detector.safetensors"  # a detector of other weights, to start from
OTHER_FINISHED = "other_detector.safetensors"
CLASSES = ("bag", "coat", "shoe")
COLOURS = ((230, 60, 40), (50, 210, 60), (40, 80, 240))  # of the classes
SIDE = 64
STEPS_PER_EPOCH = 2
EPOCHS = 2
NUM_TRAIN, NUM_TEST = 15, 5  # three of the former are for validation
MOST_OBJECTS = 4

DOCUMENT: dict[str, Any] = {
    "task": "detection",
    "model": {"name": "custom", "input_size": SIDE, "network": OWN},
    "data": {"dataset": DATASET, "validation_fraction": 0.2, "batch_size": 6},
    "detection": {"detector": "yolov3"},
    "augment": {
        "width_multipliers": [1.0, 1.5],
        "expand_multipliers": [1.0, 1.5],
        "calibration_images": 32,
    },
    "training": {
        "epochs": EPOCHS,
        "learning_rate": 0.02,
        "seed": 3,
        "checkpoint_interval_seconds": 3600,
    },
}
# Every option that draws random numbers, keeps a state of its own or changes the passes.
EVERYTHING: dict[str, Any] = {
    "data": {"horizontal_flip": True},
    "detection": {
        "widen_neck": True,
        "mosaic": 0.5,
        "sides": [64, 128],
        "resize": "letterbox",
        "box_loss": "ciou",
        "metric": "ap",
    },
    "augment": {
        "every": 2,
        "probability": 0.8,
        "batch_fraction": 0.5,
        "input_scale": 0.5,
        "project_gradient": True,
    },
    "pretrained": {"weights": FINISHED, "head": "keep"},
    "training": {"ema_decay": 0.8, "warmup_epochs": 1},
}


def document(*changes: dict[str, Any]) -> dict[str, Any]:
    """The small training with changes, each laid over what is there."""
    return small_training.changed(DOCUMENT, *changes)


def spec(*changes: dict[str, Any]) -> JobSpec:
    return JobSpec.model_validate(document(*changes))


def write_data(root: Path) -> Path:
    """A data root with two sets of pictures, and two finished detectors for them."""
    write_pictures(root / DATASET, seed=0)
    write_pictures(root / OTHER_DATASET, seed=1, height=48)
    write_finished(root, FINISHED, seed=99)
    write_finished(root, OTHER_FINISHED, seed=100)
    return root


def write_pictures(folder: Path, seed: int, height: int = SIDE, num_train: int = NUM_TRAIN) -> None:
    """In Pascal VOC's form; some have no object."""
    random = np.random.default_rng(seed)
    counts = {"trainval": num_train, "test": NUM_TEST}
    parts = {
        name: _part(folder / "JPEGImages", name, count, height, random)
        for name, count in counts.items()
    }
    write_voc(folder, parts, CLASSES)


def _part(
    folder: Path, name: str, count: int, height: int, random: np.random.Generator
) -> DetectionPart:
    folder.mkdir(parents=True, exist_ok=True)
    paths, annotations = [], []
    for number in range(count):
        annotation = _annotation(number % (MOST_OBJECTS + 1), height, random)
        pixels = random.integers(90, 160, (height, SIDE, 3), np.uint8)
        for box, label in zip(annotation.boxes.astype(int), annotation.labels, strict=True):
            left, top, right, bottom = box
            pixels[top:bottom, left:right] = COLOURS[label]
        paths.append(folder / f"{name}_{number}.png")
        Image.fromarray(pixels).save(paths[-1])
        annotations.append(annotation)
    return DetectionPart(tuple(paths), tuple(annotations))


def _annotation(count: int, height: int, random: np.random.Generator) -> Annotation:
    objects = []
    for _ in range(count):
        wide, high = random.integers(8, 40, 2).tolist()
        left, top = int(random.integers(0, SIDE - wide)), int(random.integers(0, height - high))
        box = (left, top, left + wide, top + high)
        objects.append((box, int(random.integers(0, len(CLASSES))), False))
    return detection_sets.annotation(*objects, width=SIDE, height=height)


def write_finished(root: Path, name: str, *, seed: int) -> None:
    """The file of a detector for the pictures, as a finished job would have left it."""
    task = Detection.open(spec(), (root,))
    network = build(task.table, torch.Generator().manual_seed(seed))
    preprocessing = {
        "input_size": SIDE,
        "channels": 3,
        "mean": task.dataset.normalisation.mean,
        "std": task.dataset.normalisation.std,
    }
    facts = {"classes": json.dumps(CLASSES), "preprocessing": json.dumps(preprocessing)}
    detector_file.write(root / name, network, facts)


def calibrated(task: Detection, *, seed: int) -> DetectionNetwork:
    """An untrained detector whose activations do not fade out: every layer matters to its answers.

    In eval mode.
    """
    network = build(task.table, torch.Generator().manual_seed(seed))
    feed = task.feed(torch.device("cpu"), ONE.rank, 0)
    calibrate(network, feed.calibration(task.dataset.train, NUM_TRAIN), lambda: None)
    return network
