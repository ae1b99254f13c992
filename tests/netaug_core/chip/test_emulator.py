"""Networks on emulated boards: the bits of this machine, and what they cost there."""

from dataclasses import replace
from pathlib import Path

import pytest

from netaug_core.c_export import integer_convolutions
from netaug_core.chip import emulator, host
from netaug_core.chip.boards import BOARDS, BoardName
from netaug_core.chip.emulator import BoardTooSmall, ChipRun
from netaug_core.chip.tools import ToolMissing
from netaug_core.graph import arena
from netaug_core.graph.operations import Conv, Graph
from tests.netaug_core.c_export import models, tables
from tests.netaug_core.chip import programs
from tests.netaug_core.chip.programs import Case

pytestmark = pytest.mark.usefixtures("emulator_installed")

LEAST_KERNELS = 5_000  # bytes of code
MOST_INSTRUCTIONS_PER_MAC = 20  # of tiny networks: most of their work is around the products


def macs(graph: Graph) -> int:
    return sum(graph.macs(one) for one in graph.operations if isinstance(one, Conv))


def run_on(board: BoardName, case: Case, folder: Path) -> ChipRun:
    return emulator.run(case.program, case.images, folder, board=board)


@pytest.mark.parametrize("board", sorted(BOARDS))
@pytest.mark.parametrize("name", ["custom", "mobilenet_v3", "yolov3-mobilenet_v2"])
def test_a_board_computes_the_bits_of_the_reference(
    name: str, board: BoardName, tmp_path: Path
) -> None:
    graph = tables.graph(name)
    case = programs.integers(graph)

    run = run_on(board, case, tmp_path)

    assert run.passed
    assert [one.tolist() for one in run.answers] == [one.tolist() for one in case.expected]
    assert macs(graph) / 4 < run.instructions < macs(graph) * MOST_INSTRUCTIONS_PER_MAC
    assert arena.plan(graph).size_bytes <= run.arena_bytes < arena.plan(graph).size_bytes + 8
    assert 100 < run.stack_bytes < 1500
    constants = integer_convolutions.constant_bytes(models.quantized(graph))
    assert constants + LEAST_KERNELS < run.flash_bytes < constants + 24_000


def test_instructions_are_the_same_each_time(tmp_path: Path) -> None:
    case = programs.integers(tables.graph("custom"))

    runs = [run_on("mps2-an386", case, tmp_path / f"{i}") for i in range(2)]

    assert runs[0].instructions == runs[1].instructions


def test_the_crc_of_all_machines_is_one(tmp_path: Path) -> None:
    case = programs.integers(tables.graph("resnet18"))
    here = host.run(case.program, case.images, tmp_path / "here")

    runs = [run_on(board, case, tmp_path / board) for board in ("mps2-an386", "mps2-an500")]

    assert [run.crc for run in runs] == [here.crc] * 2


def test_floats_are_those_of_this_machine(tmp_path: Path) -> None:
    case = programs.floats(tables.graph("mobilenet_v3"))
    here = host.run(case.program, case.images, tmp_path / "here")

    run = run_on("mps2-an500", case, tmp_path / "board")

    assert run.passed
    assert run.crc == here.crc  # no sum is contracted or changes its order


def test_a_wrong_golden_vector_fails_the_self_test(tmp_path: Path) -> None:
    case = programs.integers(tables.graph("custom"))
    texts = dict(case.program.texts)
    head, numbers = texts["src/golden.h"].rsplit("golden_outputs", 1)
    first = numbers.split("{\n    ", 1)[1].split(",", 1)[0]
    texts["src/golden.h"] = f"{head}golden_outputs" + numbers.replace(f" {first},", " 99,", 1)

    run = run_on("mps2-an386", replace(case, program=replace(case.program, texts=texts)), tmp_path)

    assert not run.passed


@pytest.mark.parametrize(("part", "size"), [("data", 52_000), ("code", 20_000)])
def test_a_network_that_is_too_large_for_the_board_is_told_as_that(
    part: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = BOARDS["mps2-an386"]
    memory = replace(getattr(board, part), size_bytes=size)
    monkeypatch.setitem(BOARDS, "mps2-an386", replace(board, **{part: memory}))

    with pytest.raises(BoardTooSmall, match=f"does not fit mps2-an386, .* {size:,}"):
        run_on("mps2-an386", programs.integers(tables.graph("custom")), tmp_path)


def test_a_missing_emulator_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ToolMissing, match=r"apt-get install gcc-arm-none-eabi .*qemu-system-arm"):
        run_on("mps2-an386", programs.integers(tables.graph("custom")), tmp_path)
