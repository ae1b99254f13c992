"""A detector's file is enough to rebuild it."""

from pathlib import Path

import pytest
import torch

from netaug_core.detectors.table import Detector
from netaug_core.errors import ExportMismatch
from netaug_core.models import detector_file
from netaug_core.models.detector import build
from tests.netaug_core.detector_tables import DETECTORS, SIZE, each_detector


@each_detector
def test_the_table_comes_back_from_its_text(detector: Detector) -> None:
    assert detector_file.from_json(detector_file.to_json(detector)) == detector


def test_the_network_comes_back_from_its_file(tmp_path: Path) -> None:
    network = build(DETECTORS["yolov3-custom"], torch.Generator().manual_seed(0)).eval()
    images = torch.randn(1, 3, SIZE, SIZE)

    detector_file.write(tmp_path / "model.safetensors", network, {"input_size": str(SIZE)})

    again = detector_file.read(tmp_path / "model.safetensors")
    assert torch.equal(again(images), network(images))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")

    with pytest.raises(ExportMismatch, match=r"model.safetensors cannot be loaded again"):
        detector_file.read(tmp_path / "model.safetensors")
