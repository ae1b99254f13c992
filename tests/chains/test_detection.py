"""A detector that starts from a classifier, both trained with NetAug, on the whole platform."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netaug_client.client import Client
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.weights import MODEL_FILE
from tests.chains.conftest import ENDED_S, card, succeeded
from tests.netaug_core import detection_sets, shapes
from tests.small_network import SMALL_BACKBONE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * ENDED_S)]

SIDE = 64
COLOURS = {"red": (220, 40, 40), "blue": (40, 40, 220)}
PICTURES = {"trainval": 16, "test": 4}
AUGMENT = {"width_multipliers": [1.0, 1.5], "calibration_images": 32}
TINY: dict[str, Any] = {
    "model": {**SMALL_BACKBONE, "input_size": SIDE},
    "augment": AUGMENT,
    "training": {"epochs": 1, "learning_rate": 0.01},
}
PNG = b"\x89PNG"


def write_scenes(folder: Path) -> None:
    """Two coloured boxes in each picture, in VOC's form."""
    random = np.random.default_rng(0)
    (folder / "JPEGImages").mkdir(parents=True)
    parts = {
        name: _scenes(random, folder / "JPEGImages", name, count)
        for name, count in PICTURES.items()
    }
    write_voc(folder, parts, tuple(COLOURS))


def _scenes(random: np.random.Generator, folder: Path, name: str, count: int) -> DetectionPart:
    paths, annotations = [], []
    for number in range(count):
        pixels = random.integers(90, 166, (SIDE, SIDE, 3), np.uint8)
        objects = []
        for label, colour in enumerate(COLOURS.values()):
            width, height = random.integers(8, 28, 2).tolist()
            left, top = 2 + 32 * label, int(random.integers(2, SIDE - height))
            pixels[top : top + height, left : left + width] = colour
            box = (float(left), float(top), float(left + width), float(top + height))
            objects.append((box, label, False))
        paths.append(folder / f"{name}_{number}.png")
        Image.fromarray(pixels).save(paths[-1])
        annotations.append(detection_sets.annotation(*objects, width=SIDE, height=SIDE))
    return DetectionPart(tuple(paths), tuple(annotations))


def test_a_detector_starts_from_a_classifier_and_leaves_pictures(
    client: Client, tmp_path: Path, data_root: Path
) -> None:
    shapes.write_folder(data_root / "stripes")
    write_scenes(data_root / "scenes")
    stripes = {"dataset": "stripes", "validation_fraction": 0.2, "batch_size": 10}
    scenes = {"dataset": "scenes", "validation_fraction": 0.25, "batch_size": 4}

    classifier = succeeded(client.jobs.submit({**TINY, "name": "classifier", "data": stripes}))
    pretrained = {"weights": classifier.id, "head": "new"}
    spec = {**TINY, "name": "detector", "task": "detection", "data": scenes}
    detector = succeeded(client.jobs.submit({**spec, "pretrained": pretrained}))

    (model,) = [file for file in classifier.artifacts() if file.name == MODEL_FILE]
    made = card(detector, tmp_path)
    assert made["lineage"] == {
        "pretrained.weights": {"reference": classifier.id, "sha256": model.sha256}
    }
    assert [row["class"] for row in made["scores"]["per_class"]] == [*COLOURS]
    result = detector.details.result
    assert result is not None
    assert {"test_ap50", "test_ap", "validation_ap50"} <= set(result)
    measured = {point.key for point in detector.metrics()}
    assert {"train_loss", "train_loss_augmented", "validation_ap50"} <= measured

    types = {file.name: file.media_type for file in detector.artifacts()}
    assert types[MODEL_FILE] == "application/octet-stream"
    assert "model.onnx" in types
    for name in ("samples.png", "pr_curves.png"):
        answer = client.connection.get(f"/v1/jobs/{detector.id}/artifacts/{name}")
        assert (types[name], answer.headers["content-type"]) == ("image/png", "image/png")
        assert answer.content.startswith(PNG)
