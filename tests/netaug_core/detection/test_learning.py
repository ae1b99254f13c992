"""Detectors learn: four pictures by heart, in seconds."""

import numpy as np
import pytest
import torch
from torch import Tensor

from netaug_core.detection.annotation import Annotation
from netaug_core.detection.average_precision import score
from netaug_core.detection.boxes import Objects
from netaug_core.detection.coding import coding
from netaug_core.detection.placement import stretched
from netaug_core.detection.suppression import Limits, in_pictures, suppress
from netaug_core.detectors.table import Detector
from netaug_core.models.detector import DetectionNetwork, build
from tests.netaug_core.detection_cases import ANCHORS, CPU, SIZE, SSD, YOLO, objects

STEPS = 80
# One or two rectangles in each picture; a class is a colour.
SCENES = (
    [((6, 10, 30, 36), 0)],
    [((28, 24, 60, 60), 1), ((4, 4, 20, 18), 2)],
    [((20, 30, 50, 52), 3)],
    [((2, 34, 26, 62), 2), ((36, 6, 58, 30), 0)],
)
COLOURS = torch.tensor([[2.0, -2, -2], [-2, 2, -2], [-2, -2, 2], [2, 2, -2]])


def pictures() -> Tensor:
    images = 0.2 * torch.randn(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    for image, scene in zip(images, SCENES, strict=True):
        for (left, top, right, bottom), label in scene:
            image[:, top:bottom, left:right] += COLOURS[label][:, None, None]
    return images.contiguous(memory_format=torch.channels_last)


def truth() -> Objects:
    rows = [(box, label, index) for index, scene in enumerate(SCENES) for box, label in scene]
    boxes, labels, picture = zip(*rows, strict=True)
    return objects(boxes, labels, picture)


def annotations() -> list[Annotation]:
    made = []
    for scene in SCENES:
        boxes = np.array([box for box, _ in scene], np.float32)
        none = np.zeros(len(scene), np.bool_)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1).astype(np.float64)
        labels = np.array([label for _, label in scene])
        made.append(Annotation(SIZE, SIZE, boxes, labels, none, none, areas))
    return made


def train(network: DetectionNetwork) -> list[float]:
    code, images = coding(network.architecture, ANCHORS), pictures()
    known = code.priors(SIZE, CPU)
    targets = code.assign(truth(), len(images), known)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / STEPS)
        optimizer.zero_grad()
        loss = code.loss(network.train()(images), targets, known).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("detector", [YOLO, SSD], ids=["yolov3", "ssdlite"])
def test_a_tiny_detector_learns_four_pictures_by_heart(detector: Detector) -> None:
    network = build(detector, torch.Generator().manual_seed(0))

    losses = train(network)

    code = coding(detector, ANCHORS)
    with torch.no_grad():
        boxes, scores = code.decode(network.eval()(pictures()), code.priors(SIZE, CPU))
    found = in_pictures(
        suppress(boxes, scores, Limits(), input_size=SIZE), [stretched(SIZE, SIZE, SIZE)] * 4
    )
    result = score(annotations(), found, ("a", "b", "c", "d"))
    # The cross-entropy of where in a cell a centre is does not go below 1 to 2 an object.
    assert losses[-1] < losses[0] / 5
    assert result.mean > 0.9
