"""The C of the paper's networks: instructions on emulated cores, arena, time against onnxruntime.

Weights are random: neither instructions nor memory depend on them. Run: python -m bench.chip
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from bench import record
from netaug_core.architectures import ModelOptions
from netaug_core.c_export.options import Golden, Options
from netaug_core.chip import emulator, host, program
from netaug_core.chip.boards import BOARDS, BoardName
from netaug_core.chip.program import Program
from netaug_core.export import onnx_int8
from netaug_core.families.registry import FAMILIES
from netaug_core.graph import arena, building
from netaug_core.graph.operations import IMAGE, Conv, Graph
from netaug_core.quantized import reference
from netaug_core.quantized.model import QuantizedModel
from tests.netaug_core.c_export import models

RESULTS = record.RESULTS / "chip.json"
SIZE, CLASSES = 96, 10
NETWORKS = ("mobilenet_v2_tiny", "mobilenet_v2", "mobilenet_v3", "proxylessnas_mobile", "mcunet")
BOARD_NAMES: tuple[BoardName, ...] = ("mps2-an386", "mps2-an500", "mps3-an547")
TIMED_IMAGES, REPEATS = 30, 3
# At this size another exporter was measured: 22.9 M instructions for mobilenet_v2 0.35.
PEER_SIZE = 32
FLAGS = {"c_ms": ("-O3",), "c_native_ms": ("-O3", "-march=native")}


def main() -> int:
    options = _parser().parse_args()
    results: dict[str, Any] = {}
    for name, size in [*((name, SIZE) for name in NETWORKS), ("mobilenet_v2", PEER_SIZE)]:
        results[f"{name} r{size}"] = _measure(_graph(name, size))
        print(f"{name} r{size}: {results[f'{name} r{size}']}")
    record.write(options.out, "bench.chip", {"classes": CLASSES, "networks": results})
    return 0


def _graph(name: str, size: int) -> Graph:
    family = FAMILIES[name]
    return building.of_table(
        family.build(ModelOptions(num_classes=CLASSES, width=family.width)), size
    )


def _measure(graph: Graph) -> dict[str, Any]:
    model, images = models.quantized(graph), models.images(graph, 1)
    built = program.of(
        model, Options(golden=Golden(images, tuple(reference.answers(model, images))))
    )
    planned = arena.plan(graph)
    macs = sum(graph.macs(one) for one in graph.operations if isinstance(one, Conv))
    return {
        "macs": macs,
        "arena_bytes": planned.size_bytes,
        "arena_over_lower_bound": round(planned.size_bytes / planned.lower_bound_bytes, 3),
        "boards": {BOARDS[one].core: _board(built, images, one, macs) for one in BOARD_NAMES},
        "milliseconds": _times(built, model),
    }


def _board(built: Program, images: np.ndarray, board: BoardName, macs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as room:
        run = emulator.run(built, images, Path(room), board=board)
    if not run.passed:
        raise SystemExit(f"{board} computes something else")
    return {
        "instructions": run.instructions,
        "instructions_per_mac": round(run.instructions / macs, 2),
        "stack_bytes": run.stack_bytes,
        "flash_bytes": run.flash_bytes,
    }


def _times(built: Program, model: QuantizedModel) -> dict[str, float]:
    """The least of several turns, in which everything is measured once."""
    images = models.images(model.graph, TIMED_IMAGES)
    timed: dict[str, Callable[[], float]] = {
        name: lambda flags=flags: _c_ms(built, images, flags) for name, flags in FLAGS.items()
    }
    session = _session(model)
    timed["onnxruntime_int8_ms"] = lambda: _onnx_ms(session, images, model)
    turns = [{name: measure() for name, measure in timed.items()} for _ in range(REPEATS)]
    return {name: round(min(turn[name] for turn in turns), 3) for name in timed}


def _c_ms(built: Program, images: np.ndarray, flags: tuple[str, ...]) -> float:
    with tempfile.TemporaryDirectory() as room:
        return host.run(built, images, Path(room), flags=flags).milliseconds


def _session(model: QuantizedModel) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    document = onnx_int8.build(model).SerializeToString()
    return onnxruntime.InferenceSession(document, options, providers=["CPUExecutionProvider"])


def _onnx_ms(
    session: onnxruntime.InferenceSession, images: np.ndarray, model: QuantizedModel
) -> float:
    """Processor time of an image, one at a time."""
    image = model.tensors[IMAGE]
    real = ((images.astype(np.float32) - image.zero_point) * np.float32(image.scale)).transpose(
        0, 3, 1, 2
    )
    name = session.get_inputs()[0].name
    started = time.process_time()
    for one in real:
        session.run(None, {name: one[None]})
    return (time.process_time() - started) * 1000 / len(real)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
