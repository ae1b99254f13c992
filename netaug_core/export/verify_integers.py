"""The fresh process's look at the integer files: each is loaded alone, run, and compared.

N pictures, K classes.
"""

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export.options import Golden, Options
from netaug_core.chip import emulator, host, program
from netaug_core.chip.boards import BoardName
from netaug_core.chip.emulator import ChipRun
from netaug_core.chip.host import HostRun
from netaug_core.chip.program import Program
from netaug_core.chip.tools import ToolMissing
from netaug_core.data.parts import Part
from netaug_core.errors import ExportMismatch
from netaug_core.export import int8_parity, pictures, truncated
from netaug_core.export.integer_reports import IntegerReport, IntegerScore, IntegersReport
from netaug_core.export.integers import C_PREFIX
from netaug_core.export.names import MODEL_C, MODEL_INT8, MODEL_INT8_ONNX
from netaug_core.graph import arena
from netaug_core.graph.operations import Conv
from netaug_core.quantized import file, preprocessing, reference
from netaug_core.quantized.model import QuantizedModel

Int8 = NDArray[np.int8]

COMPARED = 128  # pictures, logit by logit
LAYER_PICTURES = 4  # each layer of the ONNX file alone
SCORED_BYTES = 1 << 28  # of pictures: of large ones not the whole test part
SCORED_BY_REFERENCE = 1000  # pictures: it takes some 10 ms for each million of MACs
BOARDS: tuple[BoardName, ...] = ("mps2-an386", "mps2-an500", "mps3-an547")
EMULATED = 4  # pictures at most, ...
EMULATED_MACS = 100_000_000  # ... and as many as make so many MACs; at least one


@dataclass(frozen=True)
class _Checked:
    """The model in the file, and pictures (N, H, W, C) with what it makes of them."""

    model: QuantizedModel
    images: Int8
    answers: list[Int8]
    packed: Program

    def first(self, count: int) -> tuple[Int8, list[Int8]]:
        return self.images[:count], [answer[:count] for answer in self.answers]


def verify(directory: Path, test: Part, expected: NDArray[np.float32], size: int) -> IntegersReport:
    """Compare every way to run the model in integers with the integer reference.

    Args:
        directory: of the files.
        test: the test part.
        expected: (N, K) the trained network's logits for it.
        size: side of the network's input.

    Raises:
        ExportMismatch: a file cannot be loaded at all.
        ToolFailed: the C does not compile.
    """
    content = file.read(directory / MODEL_INT8)
    model = content.model
    images = preprocessing.integers(content.tables, pictures.first(test, COMPARED, size))
    packed = Program(_texts(directory / MODEL_C), C_PREFIX, model.graph, np.int8)
    checked = _Checked(model, images, reference.answers(model, images), packed)
    runs = [_onnx(directory / MODEL_INT8_ONNX, checked), _host(checked)]
    runs += [_board(checked, board) for board in BOARDS]
    planned = arena.plan(model.graph)
    return IntegersReport(
        score=_score(checked, content.tables, test, expected, size),
        runs=runs,
        arena_bytes=planned.size_bytes,
        arena_lower_bound_bytes=planned.lower_bound_bytes,
        peak_layer=planned.peak,
    )


def _texts(path: Path) -> dict[str, str]:
    """The C project as its user unpacks it."""
    try:
        with zipfile.ZipFile(path) as packed:
            return {
                name.removeprefix(f"{C_PREFIX}/"): packed.read(name).decode()
                for name in packed.namelist()
            }
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ExportMismatch(f"{path.name} cannot be loaded again: {error}") from error


def _onnx(path: Path, checked: _Checked) -> IntegerReport:
    found = int8_parity.answers(path, checked.model, checked.images)
    layers = int8_parity.by_layer(path, checked.model, checked.images[:LAYER_PICTURES])
    return _report(path.name, found, checked.answers).model_copy(
        update={
            "allowed_steps": None,
            "first_different_layer": int8_parity.first_difference(layers),
        }
    )


def _host(checked: _Checked) -> IntegerReport:
    name = f"{MODEL_C} on this machine"
    try:
        found = _on_host(checked.packed, checked.images)
    except ToolMissing as error:
        return IntegerReport(name=name, not_run=str(error))
    report = _report(name, found.answers, checked.answers)
    report.self_test, report.crc = found.passed, found.crc
    report.milliseconds = found.milliseconds
    return _with_layer(report, checked, lambda built, images: _on_host(built, images).answers)


def _board(checked: _Checked, board: BoardName) -> IntegerReport:
    name = f"{MODEL_C} on {board}, emulated"
    images, answers = checked.first(_emulated(checked.model))
    try:
        found = _on_board(checked.packed, images, board)
    except ToolMissing as error:
        return IntegerReport(name=name, not_run=str(error))
    report = _report(name, found.answers, answers)
    report.self_test, report.crc, report.core = found.passed, found.crc, found.core
    report.instructions, report.stack_bytes = found.instructions, found.stack_bytes
    report.flash_bytes, report.arena_bytes = found.flash_bytes, found.arena_bytes
    return _with_layer(
        report, checked, lambda built, images: _on_board(built, images, board).answers
    )


def _on_host(built: Program, images: Int8) -> HostRun:
    with tempfile.TemporaryDirectory() as folder:
        return host.run(built, images, Path(folder))


def _on_board(built: Program, images: Int8, board: BoardName) -> ChipRun:
    with tempfile.TemporaryDirectory() as folder:
        return emulator.run(built, images, Path(folder), board=board)


def _emulated(model: QuantizedModel) -> int:
    graph = model.graph
    macs = sum(graph.macs(one) for one in graph.operations if isinstance(one, Conv))
    return max(1, min(EMULATED, EMULATED_MACS // macs))


def _report(name: str, found: Sequence[NDArray[np.generic]], expected: list[Int8]) -> IntegerReport:
    apart = np.concatenate(
        [
            np.abs(one.astype(np.int64) - other).ravel()
            for one, other in zip(found, expected, strict=True)
        ]
    )
    return IntegerReport(
        name=name,
        num_images=len(expected[0]),
        max_steps=int(apart.max()),
        num_different=int((apart > 0).sum()),
    )


def _with_layer(
    report: IntegerReport,
    checked: _Checked,
    run: Callable[[Program, Int8], Sequence[NDArray[np.generic]]],
) -> IntegerReport:
    """The layer, if there is a difference: shorter programs are compiled until it is found."""
    if report.num_different == 0:
        return report
    images = checked.images[:1]

    def agrees(model: QuantizedModel) -> bool:
        wanted = reference.answers(model, images)
        built = program.of(model, Options(golden=Golden(images, tuple(wanted))))
        return all(map(np.array_equal, run(built, images), wanted))

    report.first_different_layer = truncated.first_difference(checked.model, agrees)
    return report


def _score(
    checked: _Checked, tables: Int8, test: Part, expected: NDArray[np.float32], size: int
) -> IntegerScore:
    """On as much of the test part as can be; where the C runs, which is the reference by now."""
    count = max(1, SCORED_BYTES // checked.images[0].size)
    images = preprocessing.integers(tables, pictures.first(test, count, size))
    try:
        (logits,) = _on_host(checked.packed, images).answers
        by = f"{MODEL_C} on this machine"
    except ToolMissing:
        (logits,) = reference.answers(checked.model, images[:SCORED_BY_REFERENCE])
        by = "the integer reference"
    labels = test.labels[: len(logits)]
    chosen = logits.reshape(len(logits), -1).argmax(1)
    return IntegerScore(
        computed_by=by,
        num_images=len(logits),
        num_correct=int((chosen == labels).sum()),
        expected_num_correct=int((expected[: len(logits)].argmax(1) == labels).sum()),
    )
