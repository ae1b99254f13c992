"""A bundle as a program that runs on files of images, here or on an emulated board."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from netaug_core.c_export import bundle, templates
from netaug_core.c_export.options import Options, Values
from netaug_core.chip.tools import ToolFailed
from netaug_core.graph.folded import FoldedModel
from netaug_core.graph.operations import Graph
from netaug_core.quantized.model import QuantizedModel

# Strict: a warning in a user's build is our fault. Contraction would change float results.
FLAGS = ("-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Isrc")
IMAGES, OUTPUTS = "images.bin", "outputs.bin"
_FIRMWARE = resources.files("netaug_core.chip") / "firmware"


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is compiled, and what its outputs look like."""

    texts: Mapping[str, str]
    prefix: str
    graph: Graph
    dtype: type[np.int8] | type[np.float32]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run printed and wrote.

    Attributes:
        passed: the self-test's verdict.
        crc: of the golden outputs.
        answers: (N, H, W, C) of each of the graph's outputs.
        ticks: of all images together, of the machine's clock.
        stack_bytes: the most that one run used; 0 where it was not measured.
    """

    passed: bool
    crc: int
    answers: tuple[Values, ...]
    ticks: float
    stack_bytes: int


def of(model: QuantizedModel | FoldedModel, options: Options) -> Program:
    """The bundle of a network as a program.

    Raises:
        BadIdentifier: as `bundle.files`.
        NotExpressible: as `bundle.files`.
    """
    return Program(
        texts=bundle.files(model, options),
        prefix=options.prefix,
        graph=model.graph,
        dtype=np.int8 if isinstance(model, QuantizedModel) else np.float32,
    )


def lay_out(program: Program, images: Values, folder: Path) -> None:
    """Write everything that is compiled, and the images to run on, into an empty folder."""
    bundle.write(folder, program.texts)
    for name in ("runner.c", "measure.h", "measure_host.c", "measure_cortex_m.c", "startup.c"):
        (folder / name).write_text((_FIRMWARE / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / IMAGES).write_bytes(np.ascontiguousarray(images, program.dtype).tobytes())


def linker_script(values: Mapping[str, object]) -> str:
    return templates.filled((_FIRMWARE / "board.ld").read_text(encoding="utf-8"), values)


def sources(program: Program) -> list[str]:
    """The bundle's C files and the runner."""
    return [*sorted(path for path in program.texts if _is_compiled(path)), "runner.c"]


def definitions(program: Program) -> list[str]:
    capitals = program.prefix.upper()
    return [f"-DPREFIX={program.prefix}", f"-DINPUT_ELEMENTS={capitals}_INPUT_ELEMENTS"]


def outcome(program: Program, printed: str, num_images: int, folder: Path) -> Outcome:
    """What the runner left in its folder.

    Raises:
        ToolFailed: it did not run on all images.
    """
    report = _report(printed)
    if report.get("images") != num_images:
        raise ToolFailed(f"the network ran on {report.get('images')} of {num_images} images")
    values = _values(program, (folder / OUTPUTS).read_bytes())
    return Outcome(
        passed=report["passed"],
        crc=report["crc"],
        answers=tuple(_answers(program.graph, values.reshape(num_images, -1))),
        ticks=report["ticks"],
        stack_bytes=report["stack_bytes"],
    )


def _is_compiled(path: str) -> bool:
    return path.startswith("src/") and path.endswith(".c")


def _report(printed: str) -> dict[str, Any]:
    lines: Sequence[str] = printed.strip().splitlines()
    try:
        report: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise ToolFailed(f"the program ended without a report: {printed[-500:]!r}") from error
    return report


def _values(program: Program, written: bytes) -> Values:
    if program.dtype is np.int8:
        return np.frombuffer(written, np.int8)
    return np.frombuffer(written, np.float32)


def _answers(graph: Graph, values: Values) -> list[Values]:
    """Each output's part of the values (N, elements of all outputs)."""
    found: list[Values] = []
    first = 0
    for shape in (graph.shapes[name] for name in graph.outputs):
        part = values[:, first : first + shape.elements]
        found.append(part.reshape(-1, shape.height, shape.width, shape.channels))
        first += shape.elements
    return found
