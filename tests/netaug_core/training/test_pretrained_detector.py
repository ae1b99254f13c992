"""A classifier's weights become a detector's backbone without loss."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from netaug_core import weights
from netaug_core.augment.supernet import Supernet
from netaug_core.errors import BadSpec
from netaug_core.models import tensors_file
from netaug_core.models.detector import build
from netaug_core.models.network import build as build_classifier
from netaug_core.sections.augment import AugmentSpec
from netaug_core.training.pretrained_detector import load_backbone, load_detector
from netaug_core.weights import WeightsFile
from tests.netaug_core.detector_tables import DETECTORS, SIZE, classifier

DETECTOR = DETECTORS["yolov3-mobilenet_v2"]
CLASSES = ("a", "b", "c", "d")
IMAGES = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(5))


def stored(net: torch.nn.Module, root: Path) -> WeightsFile:
    """After a pass that gives it statistics which no initialisation has."""
    with torch.no_grad():
        net.train()(IMAGES)
    tensors_file.save(root / "model.safetensors", net, {"classes": json.dumps(CLASSES)})
    return weights.find("model.safetensors", field=weights.PRETRAINED, roots=(root,), inputs=None)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_backbone_computes_what_the_classifiers_blocks_do(tmp_path: Path) -> None:
    trained = build_classifier(classifier("mobilenet_v2"), generator(1))
    file = stored(trained, tmp_path)
    net = build(DETECTOR, generator(2))
    fresh = {name: t.clone() for name, t in net.state_dict().items() if "levels." in name}

    load_backbone(net, file)

    trained.eval()
    net.eval()
    assert torch.equal(net.blocks(net.stem(IMAGES)), trained.blocks(trained.stem(IMAGES)))
    assert all(torch.equal(net.state_dict()[name], t) for name, t in fresh.items())


def test_blocks_after_the_last_tap_stay_out(tmp_path: Path) -> None:
    whole = classifier("custom")
    further = (*whole.blocks, replace(whole.blocks[-1], in_channels=14, stride=2))
    file = stored(build_classifier(replace(whole, blocks=further), generator(1)), tmp_path)

    load_backbone(build(DETECTORS["ssdlite-custom"], generator(2)), file)


def test_a_supernet_takes_them_into_its_tiny_net(tmp_path: Path) -> None:
    trained = build(DETECTOR, generator(1))
    file = stored(trained, tmp_path)
    supernet = Supernet(DETECTOR, AugmentSpec(), generator(2), widen_neck=True)

    load_detector(supernet, file, class_names=CLASSES)

    for name, tensor in supernet.base_network().state_dict().items():
        assert torch.equal(tensor, trained.state_dict()[name]), name


def test_another_backbone_is_refused_with_what_differs(tmp_path: Path) -> None:
    file = stored(build_classifier(classifier("mobilenet_v2", 0.35)), tmp_path)

    with pytest.raises(BadSpec, match=r"does not fit this network; .*\n.*  stem.conv.weight: 16 x"):
        load_backbone(build(DETECTOR), file)


def test_a_detector_of_other_classes_is_refused(tmp_path: Path) -> None:
    file = stored(build(DETECTOR), tmp_path)

    with pytest.raises(BadSpec, match="has other classes than the dataset"):
        load_detector(build(DETECTOR), file, class_names=("a", "b", "c", "x"))
