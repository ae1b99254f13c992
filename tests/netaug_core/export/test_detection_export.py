"""A detector's files: what they give, and that the gate refuses those that differ."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from netaug_core.errors import ExportMismatch
from netaug_core.export import gate
from netaug_core.export.artifacts import Exporter
from netaug_core.export.detection import DetectionExports
from netaug_core.export.int8 import Quantiser
from netaug_core.export.integers import Integers
from netaug_core.export.names import MODEL_ONNX, MODEL_SAFETENSORS
from netaug_core.export.verify_detection import verify
from netaug_core.models.detector import DetectionNetwork
from netaug_core.tasks.detection import Detection
from netaug_core.training.devices import ONE
from netaug_core.weights import Inputs
from tests.netaug_core import small_detection
from tests.netaug_core.small_training import CPU

TAMPERED = "levels.1.neck.first"  # after the concatenation


def nothing() -> None:
    """Nobody asks this run to leave."""


@dataclass
class Exported:
    """Both model files of an untrained, calibrated detector, and what it computes."""

    task: Detection
    network: DetectionNetwork
    directory: Path
    root: Path

    @classmethod
    def write(cls, root: Path, directory: Path, *changes: dict[str, Any]) -> "Exported":
        spec = small_detection.spec({"augment": None}, *changes)
        task = Detection.open(spec, (root,))
        network = small_detection.calibrated(task, seed=5)
        directory.mkdir(exist_ok=True)
        exports, feed = DetectionExports(task), task.feed(CPU, ONE.rank, 0)
        integers = Integers(Quantiser(task, Inputs(), CPU, nothing))
        exporter = Exporter(spec, task.dataset, exports, directory, (root,), nothing, integers)
        exporter.write_models(network, feed)
        answers = task.answer(network, task.dataset.test, feed, nothing, ONE)
        exports.write_reference(directory / "reference", network, answers, feed)
        (directory / "spec.json").write_text(spec.canonical_json())
        return cls(task, network, directory, root)

    def check(self) -> gate.VerifyReport:
        return gate.check(
            self.directory / "spec.json",
            self.directory,
            self.directory / "reference",
            (self.root,),
            while_waiting=nothing,
        )

    def verify_here(self) -> dict[str, str]:
        """Why each file is refused, by the same code without a process."""
        reports = verify(self.task, self.directory, self.directory / "reference")
        return {one.name: one.explain() for one in reports.files if not one.agrees}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_detection.write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def exported(root: Path, tmp_path: Path) -> Exported:
    return Exported.write(root, tmp_path)


def tamper_tensors(path: Path) -> None:
    tensors = load_file(path)
    tensors[f"{TAMPERED}.conv.weight"][0, 0] += 1.0
    save_file(tensors, path, metadata_of(path))


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


def tamper_onnx(path: Path) -> None:
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == f"{TAMPERED}.conv.weight":
            changed = numpy_helper.to_array(tensor).copy()
            changed[0, 0] += 1.0
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, path)


def state_anchors(path: Path, change: Callable[[list[list[float]]], Any]) -> None:
    """Write other anchors into a file's metadata."""
    metadata = metadata_of(path)
    reading = json.loads(metadata["detection"])
    reading["anchors"] = change(reading["anchors"])
    save_file(load_file(path), path, metadata | {"detection": json.dumps(reading)})


def test_files_that_compute_what_was_trained_pass_in_a_fresh_process(exported: Exported) -> None:
    report = exported.check()

    assert [file.name for file in report.files] == [MODEL_SAFETENSORS, MODEL_ONNX]
    assert all(file.agrees for file in report.files)


def test_a_changed_weight_of_the_neck_is_refused_in_a_fresh_process(exported: Exported) -> None:
    tamper_onnx(exported.directory / MODEL_ONNX)

    with pytest.raises(
        ExportMismatch,
        match=rf"model\.onnx does not compute what was trained: boxes differ by up to .* "
        rf"the first layer that differs is {TAMPERED}",
    ):
        exported.check()


def test_each_kind_of_file_tells_its_first_different_layer(exported: Exported) -> None:
    tamper_onnx(exported.directory / MODEL_ONNX)
    tamper_tensors(exported.directory / MODEL_SAFETENSORS)

    refused = exported.verify_here()

    assert list(refused) == [MODEL_SAFETENSORS, MODEL_ONNX]
    assert all(reason.endswith(f"that differs is {TAMPERED}") for reason in refused.values())


def test_other_anchors_in_the_metadata_are_refused(exported: Exported) -> None:
    state_anchors(
        exported.directory / MODEL_SAFETENSORS, lambda anchors: [[2 * w, h] for w, h in anchors]
    )

    refused = exported.verify_here()

    assert list(refused) == [MODEL_SAFETENSORS]
    assert refused[MODEL_SAFETENSORS].endswith("the first layer that differs is the decoding")


@pytest.mark.parametrize(
    "change",
    [lambda anchors: anchors[:8], lambda anchors: [[0, 1], *anchors[1:]], lambda anchors: None],
    ids=["eight", "of no width", "none"],
)
def test_anchors_that_are_none_are_a_sentence(exported: Exported, change: Any) -> None:
    state_anchors(exported.directory / MODEL_SAFETENSORS, change)

    with pytest.raises(ExportMismatch, match=r"^model\.safetensors .*anchors"):
        exported.verify_here()


@pytest.mark.parametrize("decode_in_graph", [False, True])
@pytest.mark.parametrize(
    ("detector", "size"), [("yolov3", 64), ("ssdlite", 96)], ids=["yolov3", "ssdlite"]
)
def test_the_onnx_file_gives_raw_numbers_or_boxes_and_scores(
    root: Path, tmp_path: Path, detector: str, size: int, decode_in_graph: bool
) -> None:
    asked = {"detector": detector, "decode_in_graph": decode_in_graph}
    exported = Exported.write(root, tmp_path, {"model": {"input_size": size}, "detection": asked})
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))

    session = onnxruntime.InferenceSession(exported.directory / MODEL_ONNX)
    outputs = session.run(None, {"images": images.numpy()})

    with torch.no_grad():
        expected: list[torch.Tensor] = [exported.network(images)]
        if decode_in_graph:
            coding = exported.task.coding
            expected = list(coding.decode(expected[0], coding.priors(size, CPU)))
    stated = json.loads(session.get_modelmeta().custom_metadata_map["detection"])
    assert [tuple(shape) for shape in stated["anchors"]] == list(exported.task.anchors)
    names = ["boxes", "scores"] if decode_in_graph else ["raw"]
    assert [node.name for node in session.get_outputs()] == names
    for output, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, wanted.numpy(), rtol=1e-3, atol=1e-3)
    assert exported.verify_here() == {}


def test_a_detectors_integers_agree_wherever_they_run(tmp_path: Path) -> None:
    root = tmp_path / "data"
    small_detection.write_pictures(root / small_detection.DATASET, seed=0, num_train=24)
    exported = Exported.write(root, tmp_path / "out", {"quantization": {"calibration_images": 16}})

    report = verify(exported.task, exported.directory, exported.directory / "reference")

    assert report.disagreements() == []
    assert report.integers is not None
    assert report.integers.score.name == exported.task.score_name
    on_host = report.integers.runs[1]
    assert on_host.self_test or on_host.not_run
    assert on_host.num_different == 0
