"""The fresh process's look at the integer files: each is loaded alone, run, and compared.

N pictures, K classes.
"""

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export.options import Values
from netaug_core.chip import emulator, host, tracing
from netaug_core.chip.boards import BoardName
from netaug_core.chip.emulator import BoardTooSmall, ChipRun
from netaug_core.chip.host import HostRun
from netaug_core.chip.program import Program
from netaug_core.chip.tools import ToolMissing
from netaug_core.errors import ExportMismatch
from netaug_core.export import int8_parity
from netaug_core.export.integer_reports import IntegerReport, IntegerScore, IntegersReport
from netaug_core.export.integers import C_PREFIX
from netaug_core.export.names import MODEL_C, MODEL_INT8, MODEL_INT8_ONNX
from netaug_core.graph import arena
from netaug_core.graph.operations import Conv
from netaug_core.quantized import file, preprocessing, reference
from netaug_core.quantized.model import QuantizedModel

Int8 = NDArray[np.int8]

COMPARED = 128  # pictures at most, logit by logit, ...
COMPARED_MACS = 2_000_000_000  # ... and as many as make so many MACs: some 20 seconds
LAYER_PICTURES = 4  # each layer of the ONNX file alone
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


def verify(directory: Path, pictures: NDArray[np.uint8], score: IntegerScore) -> IntegersReport:
    """Compare every way to run the model in integers with the integer reference.

    Args:
        directory: of the files.
        pictures: (N, H, W, C) to compare on.
        score: of the network in integers.

    Raises:
        ExportMismatch: a file cannot be loaded at all.
        ToolFailed: the C does not compile, or does not run to its end.
    """
    content = file.read(directory / MODEL_INT8)
    model = content.model
    count = _bounded(model, COMPARED, COMPARED_MACS)
    images = preprocessing.integers(content.tables, pictures[:count])
    packed = Program(
        texts=_texts(directory / MODEL_C), prefix=C_PREFIX, graph=model.graph, dtype=np.int8
    )
    checked = _Checked(model, images, reference.answers(model, images), packed)
    planned = arena.plan(model.graph)
    return IntegersReport(
        score=score,
        runs=[
            _onnx(directory / MODEL_INT8_ONNX, checked),
            _host(checked),
            *(_board(checked, board) for board in BOARDS),
        ],
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
    images, answers = checked.first(_bounded(checked.model, EMULATED, EMULATED_MACS))
    try:
        found = _on_board(checked.packed, images, board)
    except (ToolMissing, BoardTooSmall) as error:
        return IntegerReport(name=name, not_run=str(error))
    report = _report(name, found.answers, answers)
    report.self_test, report.crc, report.core = found.passed, found.crc, found.core
    report.instructions, report.stack_bytes = found.instructions, found.stack_bytes
    report.flash_bytes, report.arena_bytes = found.flash_bytes, found.arena_bytes
    return _with_layer(
        report, checked, lambda built, images: _on_board(built, images, board).answers
    )


def _on_host(built: Program, images: Values) -> HostRun:
    with tempfile.TemporaryDirectory() as folder:
        return host.run(built, images, Path(folder))


def _on_board(built: Program, images: Values, board: BoardName) -> ChipRun:
    with tempfile.TemporaryDirectory() as folder:
        return emulator.run(built, images, Path(folder), board=board)


def _bounded(model: QuantizedModel, most: int, macs: int) -> int:
    """Pictures: at most so many, and no more than make so many MACs; at least one."""
    graph = model.graph
    of_one = sum(graph.macs(one) for one in graph.operations if isinstance(one, Conv))
    return max(1, min(most, macs // of_one))


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


def _with_layer(report: IntegerReport, checked: _Checked, run: tracing.Run) -> IntegerReport:
    """With the first layer that differs, if a logit does."""
    if report.num_different:
        found = tracing.first_difference(checked.model, checked.images[:1], run)
        report.first_different_layer = found
    return report
