"""The integer files of a run: good ones pass the gate; of a bad one file and layer are named."""

import io
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import pytest
import torch
from onnx import numpy_helper

from netaug_core.chip import tools
from netaug_core.chip.boards import BOARDS
from netaug_core.errors import ExportMismatch
from netaug_core.export import chip_card, reference
from netaug_core.export.artifacts import Exporter
from netaug_core.export.classification import ClassificationExports
from netaug_core.export.int8 import Quantiser
from netaug_core.export.integers import C_PREFIX, Integers
from netaug_core.export.names import MODEL_C, MODEL_INT8, MODEL_INT8_ONNX
from netaug_core.export.reports import VerifyReport
from netaug_core.export.verify import verify
from netaug_core.models.network import build
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.training.calibration import calibrate
from netaug_core.training.devices import ONE
from netaug_core.training.evaluate import predict
from netaug_core.weights import Inputs
from tests.netaug_core import runs
from tests.small_network import SMALL_MODEL

SPEC = JobSpec.model_validate(
    runs.small_document() | {"augment": None, "model": SMALL_MODEL, "quantization": {}}
)
TAMPERED = "blocks.2.depthwise"


def nothing() -> None:
    """Nobody asks this run to leave."""


@dataclass
class Exported:
    """The files of an untrained, calibrated net."""

    directory: Path

    def verify(self) -> VerifyReport:
        return verify(SPEC, self.directory, self.directory / "reference", ())


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("export")
    task = Classification.open(SPEC, (), image_cache_bytes=0)
    network = build(task.table, torch.Generator().manual_seed(0)).eval()
    feed = task.feed(torch.device("cpu"), ONE.rank, 0)
    calibrate(network, feed.calibration(task.dataset.train, 64), nothing)
    quantiser = Quantiser(task, Inputs(), torch.device("cpu"), nothing)
    exports = ClassificationExports(task)
    exporter = Exporter(SPEC, task.dataset, exports, directory, (), nothing, Integers(quantiser))
    exporter.write_models(network, feed)
    logits = predict(network, task.dataset.test, feed, nothing)
    probe = reference.probe_images(task.dataset.test, feed)
    reference.write(directory / "reference", network, logits, probe)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def exported(originals: dict[str, bytes], tmp_path: Path) -> Exported:
    for name, content in originals.items():
        (tmp_path / name).write_bytes(content)
    return Exported(tmp_path)


def tamper_c(path: Path) -> None:
    """Change a weight of one layer."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as source:
        texts = {name: source.read(name).decode() for name in source.namelist()}
    (name,) = [name for name in texts if name.endswith("src/weights.h")]
    head, array, rest = texts[name].partition(f"{TAMPERED.replace('.', '_')}_weights")
    declaration, start, values = rest.partition("{")
    first, comma, others = values.partition(",")
    texts[name] = head + array + declaration + start + ("99" if "99" not in first else "98")
    texts[name] += comma + others
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in texts.items():
            packed.writestr(name, text)


def tamper_onnx(path: Path) -> None:
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if TAMPERED in tensor.name and "weight" in tensor.name:
            values = numpy_helper.to_array(tensor).copy()
            if values.ndim == 4:
                values[:] = values[::-1]
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)


def test_every_way_to_run_the_integers_agrees(exported: Exported) -> None:
    report = exported.verify()

    assert report.disagreements() == []
    found = report.integers
    assert found is not None
    on_onnx, on_host, *on_boards = found.runs
    assert (on_onnx.name, on_host.num_images, on_host.num_different) == (MODEL_INT8_ONNX, 128, 0)
    assert on_host.self_test
    assert on_host.crc is not None
    assert found.score.num_images == 360
    assert abs(found.score.value - found.score.expected) < 0.02
    assert found.arena_bytes <= 1.15 * found.arena_lower_bound_bytes
    ran = [board for board in on_boards if board.not_run is None]
    assert all((board.num_different, board.crc) == (0, on_host.crc) for board in ran)
    assert all(board.instructions and board.flash_bytes for board in ran)


def test_the_card_tells_what_a_chip_computes_and_needs(exported: Exported) -> None:
    report = exported.verify()

    target = {"board": "stm32f746g-disco"}
    (section,) = chip_card.sections(json.loads(report.model_dump_json()), target)

    assert report.integers is not None
    assert f"| activations | {report.integers.arena_bytes:,} bytes" in section
    assert f"| {MODEL_C} on this machine | 128 | 0 | PASS, CRC" in section
    if all(run.not_run is None for run in report.integers.runs):
        assert "of 327,680 bytes, flash" in section
        assert "of 1,048,576 bytes; measured on a Cortex-M7 |" in section


def test_a_changed_onnx_file_is_refused_with_its_layer(exported: Exported) -> None:
    tamper_onnx(exported.directory / MODEL_INT8_ONNX)

    (sentence,) = exported.verify().disagreements()

    assert sentence.startswith(f"{MODEL_INT8_ONNX} does not compute what the integer reference")
    assert sentence.endswith(f"the first layer that differs is {TAMPERED}")


def test_changed_c_is_refused_wherever_it_runs(exported: Exported) -> None:
    tamper_c(exported.directory / MODEL_C)

    sentences = exported.verify().disagreements()

    assert sentences
    assert all("does not compute what the integer reference does" in one for one in sentences)


@pytest.mark.parametrize("name", [MODEL_C, MODEL_INT8])
def test_a_cut_off_file_is_refused(exported: Exported, name: str) -> None:
    path = exported.directory / name
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(ExportMismatch, match=f"{name} cannot be loaded again"):
        exported.verify()


def test_without_a_compiler_the_c_is_told_as_not_run(
    exported: Exported, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    report = exported.verify()

    assert report.disagreements() == []
    assert report.integers is not None
    reasons = [run.not_run for run in report.integers.runs[1:]]
    assert all(reason is not None and "is not installed" in reason for reason in reasons)


def test_a_board_that_cannot_hold_the_network_fails_no_job(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = BOARDS["mps2-an386"]
    small = replace(board, code=replace(board.code, size_bytes=10_000))
    monkeypatch.setitem(BOARDS, "mps2-an386", small)

    report = exported.verify()

    assert report.disagreements() == []
    assert report.integers is not None
    reason = report.integers.runs[2].not_run
    assert reason is not None
    assert "does not fit mps2-an386" in reason or "is not installed" in reason


def test_the_project_is_built_by_its_own_makefile(exported: Exported, tmp_path: Path) -> None:
    with zipfile.ZipFile(exported.directory / MODEL_C) as packed:
        packed.extractall(tmp_path / "unpacked")

    folder = tmp_path / "unpacked" / C_PREFIX
    tools.run(["make", "-s"], folder=folder, limit_s=120)
    printed = tools.run([str(folder / "build" / "example")], folder=folder, limit_s=60)

    assert "PASS" in printed
