"""`python -m netaug_core bundle` and `chip`: C from a quantised model, and a run of it."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from netaug_core.c_export import bundle as bundles
from netaug_core.c_export import of_file
from netaug_core.c_export.of_file import Pictures
from netaug_core.c_export.options import Options, Values
from netaug_core.chip import emulator, host, program
from netaug_core.chip.boards import BoardName
from netaug_core.chip.emulator import ChipRun
from netaug_core.chip.host import HostRun
from netaug_core.errors import BadData, CoreError, ExportMismatch
from netaug_core.graph.operations import Graph
from netaug_core.quantized import file
from netaug_core.quantized.file import QuantizedFile


def bundle(arguments: argparse.Namespace) -> int:
    """Writes the zip; an exit code of errors.py."""
    try:
        content, options = _read(arguments)
        texts = bundles.files(content.model, options)
    except CoreError as error:
        return _tell(error)
    arguments.out.write_bytes(bundles.archive(texts, options.prefix))
    return 0


def chip(arguments: argparse.Namespace) -> int:
    """Prints a line of JSON for each machine; an exit code of errors.py."""
    try:
        content, options = _read(arguments)
        for run in _runs(content, options, arguments.board):
            agrees = run.passed and _are_equal(run.answers, options.golden.answers)
            sys.stdout.write(json.dumps(_facts(run) | {"agrees": agrees}) + "\n")
            if not agrees:
                return ExportMismatch.exit_code
    except CoreError as error:
        return _tell(error)
    return 0


def _read(arguments: argparse.Namespace) -> tuple[QuantizedFile, Options]:
    try:
        content = file.read(arguments.model)
        pictures = _pictures(arguments, content.model.graph)
    except OSError as error:
        path, reason = error.filename or arguments.model, error.strerror or error
        raise BadData(f"cannot read {path}: {reason}") from error
    title = arguments.model.stem
    return content, of_file.options(content, pictures, prefix=arguments.name, title=title)


def _pictures(arguments: argparse.Namespace, graph: Graph) -> Pictures:
    """Those of a file, else noise.

    Raises:
        BadData: the file has no pictures of the network's size.
    """
    if arguments.images is None:
        return of_file.noise(graph, arguments.noise)
    try:
        pictures = np.load(arguments.images, allow_pickle=False)
    except ValueError as error:
        raise BadData(f"{arguments.images} is no array of NumPy: {error}") from error
    size = of_file.noise(graph, 1).shape[1:]
    if pictures.dtype != np.uint8 or pictures.shape[1:] != size:
        raise BadData(
            f"{arguments.images} must hold bytes of shape (N, {', '.join(map(str, size))}); got "
            f"{pictures.dtype} {pictures.shape}"
        )
    return np.asarray(pictures, np.uint8)


def _runs(
    content: QuantizedFile, options: Options, boards: list[BoardName]
) -> Iterator[HostRun | ChipRun]:
    built, images = program.of(content.model, options), options.golden.images
    with tempfile.TemporaryDirectory(prefix="netaug-chip-") as room:
        yield host.run(built, images, Path(room) / "host")
        for board in boards:
            yield emulator.run(built, images, Path(room) / board, board=board)


def _are_equal(found: tuple[Values, ...], expected: tuple[Values, ...]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def _facts(run: HostRun | ChipRun) -> dict[str, Any]:
    """What a run has measured, without the answers themselves."""
    machine = "host" if isinstance(run, HostRun) else run.board
    names = [field.name for field in fields(run) if field.name not in ("answers", "board")]
    return {"machine": machine} | {name: getattr(run, name) for name in names}


def _tell(error: CoreError) -> int:
    sys.stderr.write(f"{error}\n")
    return error.exit_code
