"""Both exports of a detector compute what PyTorch does."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from netaug_core.detection.coding import coding
from netaug_core.detection.decoded import Decoded
from netaug_core.export import onnx_file
from netaug_core.models.detector import build
from tests.netaug_core.detection_cases import ANCHORS, SIZE, SSD, YOLO

IMAGES = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def run(path: Path) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return list(session.run(None, {onnx_file.INPUT: IMAGES.numpy()}))


def test_the_raw_output_in_onnx_is_pytorchs(tmp_path: Path) -> None:
    network = build(YOLO, torch.Generator().manual_seed(0)).eval()

    onnx_file.export(tmp_path / "raw.onnx", network, (3, SIZE), outputs=["raw"])

    raw = run(tmp_path / "raw.onnx")[0]
    np.testing.assert_allclose(raw, network(IMAGES).detach(), rtol=1e-4, atol=1e-4)


def test_boxes_and_scores_in_onnx_are_pytorchs(tmp_path: Path) -> None:
    network = build(YOLO, torch.Generator().manual_seed(0)).eval()
    decoded = Decoded(network, coding(YOLO, ANCHORS), SIZE)

    onnx_file.export(tmp_path / "decoded.onnx", decoded, (3, SIZE), outputs=["boxes", "scores"])

    with torch.no_grad():
        expected = decoded(IMAGES)
    for ours, theirs in zip(run(tmp_path / "decoded.onnx"), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("detector", [YOLO, SSD], ids=["yolov3", "ssdlite"])
def test_decoded_is_the_network_and_its_decoding(detector: object) -> None:
    network = build(detector, torch.Generator().manual_seed(0)).eval()  # type: ignore[arg-type]  # a Detector each
    code = coding(network.architecture, ANCHORS)

    boxes, scores = Decoded(network, code, SIZE)(IMAGES)

    expected = code.decode(network(IMAGES), code.priors(SIZE, torch.device("cpu")))
    assert torch.equal(boxes, expected[0])
    assert torch.equal(scores, expected[1])


def test_pictures_of_another_size_are_refused() -> None:
    decoded = Decoded(build(YOLO), coding(YOLO, ANCHORS), SIZE)

    with pytest.raises(ValueError, match=r"images must have 64 pixels a side.*got 96"):
        decoded(torch.zeros(1, 3, 96, 96))
