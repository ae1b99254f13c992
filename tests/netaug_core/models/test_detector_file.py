"""A detector's file is enough to rebuild it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

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


def test_a_table_of_more_than_the_file_holds_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    detector_file.write(path, build(DETECTORS["yolov3-custom"]), {})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    table = json.loads(metadata["detector"])
    # Two layers that agree with each other: 40 GB of weights.
    first, second, *_ = table["levels"][0]["neck"]
    first["out_channels"] = second["in_channels"] = second["out_channels"] = 100_000
    second["depthwise"] = False
    table["levels"][0]["neck"][2]["in_channels"] = 100_000
    save_file(load_file(path), path, metadata | {"detector": json.dumps(table)})

    with pytest.raises(ExportMismatch, match=r"levels\.0\.neck\.\w+\.conv\.weight should be"):
        detector_file.read(path)


@pytest.mark.parametrize(
    "change", [{"levels": []}, {"kind": "ssd"}, {"anchors_per_cell": "3"}, {"backbone": None}]
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "model.safetensors"
    detector_file.write(path, build(DETECTORS["yolov3-custom"]), {})
    table = json.loads(detector_file.to_json(DETECTORS["yolov3-custom"])) | change
    save_file(load_file(path), path, {"detector": json.dumps(table)})

    with pytest.raises(ExportMismatch, match=r"model\.safetensors cannot be loaded again"):
        detector_file.read(path)
