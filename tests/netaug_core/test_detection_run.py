"""A whole detection run in a process of its own, with its control: files, card, receipt."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from netaug_core.detection.annotation import Annotation
from netaug_core.detection.matching import Detections
from netaug_core.events import ArtifactWritten, Finished
from netaug_core.models import detector_file
from netaug_core.tasks.detection import Detection
from netaug_core.training.devices import ONE
from tests.netaug_core import runs, small_detection
from tests.netaug_core.conftest import FinishedRun
from tests.netaug_core.small_training import CPU

FILES = {
    *("model.safetensors", "model.onnx", "model_card.md", "model_card.json", "metrics.csv"),
    *("pr_curves.png", "samples.png"),
}
EPOCHS = 6
STEPS = EPOCHS * small_detection.STEPS_PER_EPOCH


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_detection.write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def controlled(root: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    document = small_detection.document({"control": True, "training": {"epochs": EPOCHS}})
    directory = tmp_path_factory.mktemp("run")
    spec, out = runs.write_spec(directory, document), directory / "out"
    process = runs.start(spec, out, "--data", str(root))
    events = process.rest()
    return FinishedRun(spec, out, events, *process.wait())


@pytest.fixture(scope="module")
def card(controlled: FinishedRun) -> Any:
    return json.loads((controlled.out / "model_card.json").read_text())


def test_every_reported_file_is_there_with_its_size(controlled: FinishedRun) -> None:
    artifacts = [e for e in controlled.events if isinstance(e, ArtifactWritten)]

    assert (controlled.code, controlled.errors) == (0, "")
    assert {a.name for a in artifacts} == FILES
    for artifact in artifacts:
        assert (controlled.out / artifact.name).stat().st_size == artifact.size_bytes
    for name in ("pr_curves.png", "samples.png"):
        with Image.open(controlled.out / name) as picture:
            picture.load()


def test_the_receipt_compares_with_the_plain_detector(controlled: FinishedRun, card: Any) -> None:
    receipt, finished = card["netaug_receipt"], controlled.events[-1]

    assert isinstance(finished, Finished)
    assert finished.step == 2 * STEPS
    assert receipt["score_name"] == "ap50"
    assert receipt["test_score"] == finished.result["test_ap50"] == card["scores"]["test_ap50"]
    assert finished.result["control_test_ap50"] == receipt["control_test_score"]
    gain = 100 * (receipt["test_score"] - receipt["control_test_score"])
    assert receipt["gain"] == pytest.approx(gain)
    assert receipt["gain_low"] <= receipt["gain_high"]
    words = (controlled.out / "model_card.md").read_text()
    assert "AP50 points over the plain network" in words
    assert "yolov3 on a backbone of your own" in words


def test_the_card_s_scores_are_those_of_an_independent_count(
    controlled: FinishedRun, root: Path, card: Any
) -> None:
    task = Detection.open(small_detection.spec(), (root,))
    network = detector_file.read(controlled.out / "model.safetensors")
    test, feed = task.dataset.test, task.feed(CPU, ONE.rank, 0)

    found = task.answer(network, test, feed, lambda: None, ONE).found

    own = [area_below(test.annotations, found, label) for label in range(3)]
    assert max(own) > 0
    assert [row["ap50"] for row in card["scores"]["per_class"]] == pytest.approx(own, abs=1e-9)
    assert card["scores"]["test_ap50"] == pytest.approx(np.mean(own), abs=1e-9)
    assert [row["class"] for row in card["scores"]["per_class"]] == list(small_detection.CLASSES)


def area_below(truth: tuple[Annotation, ...], found: tuple[Detections, ...], label: int) -> float:
    """Average precision at an overlap of 0.5, counted one detection after the other."""
    rows = [
        (float(score), number, box.tolist())
        for number, one in enumerate(found)
        for box, score, its in zip(one.boxes, one.scores, one.labels, strict=True)
        if its == label
    ]
    boxes = [one.boxes[one.labels == label].tolist() for one in truth]
    taken: set[tuple[int, int]] = set()
    right: list[bool] = []
    for _, number, box in sorted(rows, key=lambda row: -row[0]):
        best = max(range(len(boxes[number])), key=lambda k: iou(box, boxes[number][k]), default=-1)
        hit = best >= 0 and iou(box, boxes[number][best]) >= 0.5 and (number, best) not in taken
        taken |= {(number, best)} if hit else set()
        right.append(hit)
    precision = [sum(right[: k + 1]) / (k + 1) for k in range(len(right))]
    hits = [max(precision[k:]) for k, hit in enumerate(right) if hit]
    return sum(hits) / sum(map(len, boxes))


def iou(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def test_both_files_give_the_same_numbers(controlled: FinishedRun) -> None:
    network = detector_file.read(controlled.out / "model.safetensors")
    session = onnxruntime.InferenceSession(controlled.out / "model.onnx")
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    (raw,) = session.run(None, {"images": images.numpy()})

    with torch.no_grad():
        np.testing.assert_allclose(raw, network(images).numpy(), rtol=1e-3, atol=1e-3)
    assert detector_file.read_anchors(controlled.out / "model.safetensors")


def test_ssdlite_goes_all_the_way_to_boxes_and_scores(root: Path, tmp_path: Path) -> None:
    document = small_detection.document(
        {
            "model": {"input_size": 96},
            "detection": {
                "detector": "ssdlite",
                "width": 0.1,
                "decode_in_graph": True,
            },
            "augment": None,
            "training": {"epochs": 1},
        }
    )
    process = runs.start(runs.write_spec(tmp_path, document), tmp_path / "out", "--data", str(root))
    events = process.rest()

    assert process.wait() == (0, "")
    assert {e.name for e in events if isinstance(e, ArtifactWritten)} == FILES
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    outputs = [node.name for node in session.get_outputs()]
    assert outputs == ["boxes", "scores"]
