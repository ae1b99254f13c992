"""Detectors run on every family, in the order that their tables state."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.detectors.table import Detector
from netaug_core.models.detector import PRIOR_OBJECTNESS, DetectionNetwork, Scale, build
from netaug_core.models.network import build as build_classifier
from tests.netaug_core.detector_tables import DETECTORS, SIZE, classifier, each_detector

BATCH = 2


def detector_network(detector: Detector) -> DetectionNetwork:
    return build(detector, torch.Generator().manual_seed(0))


def images(size: int = SIZE) -> Tensor:
    return torch.randn(BATCH, 3, size, size, generator=torch.Generator().manual_seed(1))


@each_detector
def test_every_anchor_gets_its_values_and_every_parameter_a_gradient(detector: Detector) -> None:
    network = detector_network(detector)

    raw = network(images())
    raw.square().sum().backward()

    anchors, values = detector.num_anchors(SIZE), detector.values_per_anchor
    assert raw.shape == (BATCH, anchors, values)
    assert torch.isfinite(raw).all()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("size", [32, 96])
def test_other_sizes_give_the_anchors_of_the_table(size: int) -> None:
    for kind in ("yolov3", "ssdlite"):
        detector = DETECTORS[f"{kind}-custom"]
        raw = detector_network(detector).eval()(images(size))

        assert raw.shape[1] == detector.num_anchors(size)


def test_anchors_of_a_cell_follow_each_other_cells_go_row_by_row() -> None:
    detector = DETECTORS["yolov3-mobilenet_v2"]
    network = detector_network(detector).eval()

    raw = network(images())
    first = network.maps(images())[0][0]  # (B, 3 x 9, 2, 2)

    cell = 2 * 1 + 0  # row 1, column 0
    expected = first[0, :, 1, 0].view(3, 9)
    assert torch.equal(raw[0, 3 * cell : 3 * cell + 3], expected)


def test_the_values_of_two_heads_stand_side_by_side() -> None:
    network = detector_network(DETECTORS["ssdlite-mobilenet_v2"]).eval()

    raw = network(images())
    boxes, classes = network.maps(images())[0]  # (B, 6 x 4, 4, 4), (B, 6 x 5, 4, 4)

    assert torch.equal(raw[0, 7, :4], boxes[0, 4:8, 0, 1])  # the second anchor of column 1
    assert torch.equal(raw[0, 7, 4:], classes[0, 5:10, 0, 1])


def test_a_joined_level_reads_the_enlarged_level_before_and_its_tap() -> None:
    network = detector_network(DETECTORS["yolov3-custom"]).eval()
    scale = network.levels[1]
    assert isinstance(scale, Scale)
    before, tap = torch.randn(1, 128, 2, 2), torch.randn(1, 10, 4, 4)

    features = scale.features(before, tap)

    entered = scale.entry(before).repeat_interleave(2, 2).repeat_interleave(2, 3)
    weight = scale.neck.first.conv.weight
    # The convolution of a concatenation is the sum of two.
    summed = F.conv2d(entered, weight[:, :64]) + F.conv2d(tap, weight[:, 64:])
    first = scale.neck.first
    expected = scale.neck[1:](first.activation(first.norm(summed)))
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["yolov3", "ssdlite"])
@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "custom"])
def test_the_backbone_has_the_names_and_shapes_of_the_classifier(kind: str, name: str) -> None:
    whole = build_classifier(classifier(name)).state_dict()

    own = build(DETECTORS[f"{kind}-{name}"]).state_dict()

    backbone = {key: t.shape for key, t in own.items() if not key.startswith("levels.")}
    assert backbone
    assert all(whole[key].shape == shape for key, shape in backbone.items())


def test_at_first_yolov3_expects_few_objects() -> None:
    network = detector_network(DETECTORS["yolov3-mobilenet_v2"]).eval()

    objectness = network(images())[..., 4].sigmoid()

    assert objectness.mean().item() == pytest.approx(PRIOR_OBJECTNESS, rel=0.5)


def test_pictures_of_one_channel_are_taken() -> None:
    detector = DETECTORS["yolov3-mobilenet_v2"]
    assert detector.in_channels == 3
    stem = replace(detector.backbone.stem, in_channels=1)
    grey = replace(detector, backbone=replace(detector.backbone, stem=stem))

    raw = detector_network(grey)(torch.randn(1, 1, 96, 96))

    assert raw.shape == (1, grey.num_anchors(96), 9)
