"""The export gate lets good files pass, and names the file and layer of a bad one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from netaug_core.errors import ExportMismatch
from netaug_core.export import gate, reference
from netaug_core.export.artifacts import Exporter
from netaug_core.export.classification import ClassificationExports
from netaug_core.export.names import MODEL_ONNX, MODEL_SAFETENSORS
from netaug_core.export.verify import verify
from netaug_core.models.network import build
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.training.calibration import calibrate
from netaug_core.training.control import LeaveRequested
from netaug_core.training.devices import ONE
from netaug_core.training.evaluate import predict
from tests.netaug_core import runs

SPEC = JobSpec.model_validate(runs.small_document() | {"augment": None})
TAMPERED = "blocks.3.depthwise"  # the last of the blocks


def nothing() -> None:
    """Nobody asks this run to leave."""


@dataclass
class Exported:
    """Both model files of an untrained, calibrated net, and what it computes."""

    directory: Path
    spec_file: Path
    reference_file: Path

    def check(self, while_waiting: Callable[[], None] = nothing) -> gate.VerifyReport:
        return gate.check(
            self.spec_file, self.directory, self.reference_file, (), while_waiting=while_waiting
        )

    def verify_here(self) -> dict[str, str | None]:
        """The first differing layer of each file, by the same code without a process."""
        report = verify(SPEC, self.directory, self.reference_file, ())
        return {file.name: file.first_different_layer for file in report.files if not file.agrees}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("export")
    task = Classification.open(SPEC, (), image_cache_bytes=0)
    dataset = task.dataset
    network = build(task.table, torch.Generator().manual_seed(0)).eval()
    feed = task.feed(torch.device("cpu"), ONE.rank, 0)
    # Without it an untrained net's activations fade out, and no layer matters to the logits.
    calibrate(network, feed.calibration(dataset.train, 64), nothing)
    logits = predict(network, dataset.test, feed, nothing)
    exports = ClassificationExports(task)
    Exporter(SPEC, dataset, exports, directory, (), nothing).write_models(network, feed)
    probe = reference.probe_images(dataset.test, feed)
    reference.write(directory / "reference", network, logits, probe)
    (directory / "spec.json").write_text(json.dumps(SPEC.model_dump(mode="json")))
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def exported(originals: dict[str, bytes], tmp_path: Path) -> Exported:
    for name, content in originals.items():
        (tmp_path / name).write_bytes(content)
    return Exported(tmp_path, tmp_path / "spec.json", tmp_path / "reference")


def tamper_tensors(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors[f"{TAMPERED}.conv.weight"] *= 1.5
    save_file(tensors, path, metadata)


def tamper_onnx(path: Path) -> None:
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == f"{TAMPERED}.conv.weight":
            changed = numpy_helper.to_array(tensor) * np.float32(1.5)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, path)


def test_files_that_compute_what_was_trained_pass_in_a_fresh_process(exported: Exported) -> None:
    report = exported.check()

    assert [file.name for file in report.files] == [MODEL_SAFETENSORS, MODEL_ONNX]
    assert all(file.agrees and file.num_images == 360 for file in report.files)


def test_a_changed_weight_is_refused_with_file_difference_and_layer(exported: Exported) -> None:
    tamper_onnx(exported.directory / MODEL_ONNX)

    with pytest.raises(
        ExportMismatch,
        match=rf"model\.onnx does not compute what was trained: its logits differ by up to "
        rf"[\d.e-]+ \(allowed .*the first layer that differs is {TAMPERED}",
    ):
        exported.check()


def test_each_kind_of_file_tells_its_first_different_layer(exported: Exported) -> None:
    tamper_onnx(exported.directory / MODEL_ONNX)
    tamper_tensors(exported.directory / MODEL_SAFETENSORS)

    assert exported.verify_here() == {MODEL_SAFETENSORS: TAMPERED, MODEL_ONNX: TAMPERED}


def test_a_file_that_is_no_model_is_refused_by_name(exported: Exported) -> None:
    (exported.directory / MODEL_ONNX).write_bytes(b"no model")

    with pytest.raises(ExportMismatch, match=r"model\.onnx cannot be loaded again"):
        exported.check()


def test_a_run_asked_to_leave_does_not_wait_for_the_verdict(exported: Exported) -> None:
    def leave() -> None:
        raise LeaveRequested(7)

    with pytest.raises(LeaveRequested):
        exported.check(while_waiting=leave)


def test_a_verifying_process_that_dies_is_no_verdict(exported: Exported) -> None:
    exported.spec_file.write_text("{}")

    with pytest.raises(ExportMismatch, match=r"verifying process ended with code 64: .*model"):
        exported.check()


def test_the_onnx_file_takes_any_batch_size(exported: Exported) -> None:
    session = onnxruntime.InferenceSession(exported.directory / MODEL_ONNX)

    for size in (1, 5):
        (logits,) = session.run(None, {"images": np.zeros((size, 1, 28, 28), np.float32)})
        assert logits.shape == (size, 10)
