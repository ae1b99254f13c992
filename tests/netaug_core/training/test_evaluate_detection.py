"""What evaluation finds is what decoding and suppressing by hand find; NaN ends a training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import nms

from netaug_core.detection.boxes import Objects
from netaug_core.errors import NonFiniteLoss
from netaug_core.spec import JobSpec
from netaug_core.tasks.detection import Detection
from netaug_core.training.control import Control
from netaug_core.training.devices import ONE
from tests.netaug_core import small_detection
from tests.netaug_core.small_training import CPU, Place

LEAST, OVERLAP, MOST = 0.004, 0.3, 7
LIMITS = {
    "resize": "letterbox",
    "score_threshold": LEAST,
    "nms_threshold": OVERLAP,
    "detections_per_image": MOST,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_detection.write_data(tmp_path_factory.mktemp("data"))


def test_what_is_found_is_decoded_and_suppressed_class_by_class(root: Path) -> None:
    task = Detection.open(small_detection.spec({"detection": LIMITS}), (root,))
    network = small_detection.calibrated(task, seed=5)
    test, feed = task.dataset.test, task.feed(CPU, ONE.rank, 0)

    answers = task.answer(network, test, feed, lambda: None, ONE)

    assert len(answers.found) == len(test)
    (batch,) = feed.evaluation(test)
    with torch.no_grad():
        known = task.coding.priors(small_detection.SIDE, CPU)
        boxes, scores = task.coding.decode(network(batch.images), known)
    for found, own_boxes, own_scores in zip(answers.found, boxes, scores, strict=True):
        expected = by_hand(own_boxes.clamp(0, small_detection.SIDE), own_scores)
        assert 0 < len(expected) <= MOST
        assert found.labels.tolist() == [label for _, label, _ in expected]
        assert found.scores.tolist() == [score for score, _, _ in expected]
        for box, (_, _, wanted) in zip(found.boxes.tolist(), expected, strict=True):
            assert box == pytest.approx(wanted, abs=1e-4)  # pixels, of float32 near 64


def by_hand(boxes: torch.Tensor, scores: torch.Tensor) -> list[tuple[float, int, list[float]]]:
    """Score, label and box of what is left of one picture's anchors, the surest first."""
    left = []
    for label, of_class in enumerate(scores.T):
        sure = (of_class > LEAST).nonzero().flatten()
        kept = sure[nms(boxes[sure], of_class[sure], OVERLAP)]
        left += [(float(of_class[one]), label, boxes[one].tolist()) for one in kept]
    return sorted(left, key=lambda row: -row[0])[:MOST]


def test_the_loss_is_the_mean_over_the_pictures_of_the_batches(root: Path) -> None:
    task = Detection.open(small_detection.spec(), (root,))
    network = small_detection.calibrated(task, seed=5)
    train, feed = task.dataset.train, task.feed(CPU, ONE.rank, 0)
    part = train.take(np.arange(40, dtype=np.int64) % len(train))  # two batches, of 32 and 8

    answers = task.answer(network, part, feed, lambda: None, ONE)

    total = 0.0
    for batch in feed.evaluation(part):
        annotations = [part.annotations[position] for position in batch.positions.tolist()]
        objects = Objects(  # the pictures are as large as the input
            torch.cat([torch.from_numpy(one.boxes) for one in annotations]),
            torch.cat([torch.from_numpy(one.labels) for one in annotations]),
            torch.cat([torch.full((len(one),), n) for n, one in enumerate(annotations)]),
            torch.zeros(sum(map(len, annotations)), dtype=torch.bool),
        )
        known = task.coding.priors(small_detection.SIDE, CPU)
        assigned = task.coding.assign(objects, len(annotations), known)
        with torch.no_grad():
            loss = task.coding.loss(network(batch.images), assigned, known).total
        total += float(loss) * len(annotations)
    assert answers.loss == pytest.approx(total / 40, rel=1e-6)


@pytest.mark.parametrize("changes", [{}, {"augment": None}], ids=["netaug", "plain"])
def test_a_detector_that_answers_nan_ends_the_training(
    root: Path, tmp_path: Path, changes: dict[str, None]
) -> None:
    spec: JobSpec = small_detection.spec(changes)
    trainer, _ = Place(root, tmp_path).trainer(spec, Control())
    with torch.no_grad():
        for parameter in trainer.learner.net.parameters():
            parameter.fill_(torch.nan)

    with pytest.raises(NonFiniteLoss, match=r"^training\.learning_rate: the .*loss became nan"):
        trainer.run()
