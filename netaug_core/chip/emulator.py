"""The exported C on an emulated Cortex-M: what it computes there, and what it needs."""

from dataclasses import dataclass
from pathlib import Path

from netaug_core.c_export.options import Values
from netaug_core.chip import program as programs
from netaug_core.chip import tools
from netaug_core.chip.boards import BOARDS, Board, BoardName
from netaug_core.chip.program import Program
from netaug_core.chip.tools import ToolFailed
from netaug_core.errors import CoreError

REMEDY = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
COMPILER, SIZES, EMULATOR = "arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm"
COMPILE_LIMIT_S = 300.0
RUN_LIMIT_S = 600.0
STACK_BYTES = 32 * 1024  # the runner's printf needs a tenth of it
HEAP_BYTES = 16 * 1024  # the runner's files have buffers
# What GNU ld says, and the linker script.
TOO_LARGE = ("overflowed by", "will not fit in region", "leaves no room for the stack")
INSTRUCTIONS_PER_SECOND = 1e9  # of the emulated clock: -icount shift=0 is one each nanosecond
OPTIMISATION = "-O3"
FLAGS = ("-mthumb", "-ffunction-sections", "-fdata-sections")


class BoardTooSmall(CoreError):
    """The network needs more flash or memory than an emulated board has."""


@dataclass(frozen=True, kw_only=True)
class ChipRun:
    """What the C computed on an emulated board, and what it needs there.

    Attributes:
        passed: the self-test's verdict.
        crc: of the golden outputs.
        answers: (N, H, W, C) of each of the graph's outputs.
        instructions: of one image, on average: executed ones, not cycles.
        stack_bytes: the most that one run used below its caller's frame.
        flash_bytes: the network's program and constants, without the self-test.
        arena_bytes: the network's variables, all in its arena.
    """

    board: BoardName
    core: str
    passed: bool
    crc: int
    answers: tuple[Values, ...]
    instructions: int
    stack_bytes: int
    flash_bytes: int
    arena_bytes: int


def run(program: Program, images: Values, folder: Path, *, board: BoardName) -> ChipRun:
    """Build and run in an empty folder; images (N, H, W, C) as the network reads them.

    Raises:
        ToolMissing: the compiler or the emulator is not installed.
        BoardTooSmall: the board cannot hold it.
        ToolFailed: the C does not compile, or does not run to its end.
    """
    emulator = tools.find(EMULATOR, REMEDY)
    chosen = BOARDS[board]
    programs.lay_out(program, images, folder)
    objects = _compile(program, chosen, folder)
    _link(chosen, objects, folder)
    printed = tools.run(_command(emulator, chosen), folder=folder, limit_s=RUN_LIMIT_S)
    outcome = programs.outcome(program, printed, len(images), folder)
    flash_bytes, arena_bytes = _sizes(objects, folder)
    instructions = outcome.ticks * INSTRUCTIONS_PER_SECOND / chosen.clock_hz / len(images)
    return ChipRun(
        board=board,
        core=chosen.core,
        passed=outcome.passed,
        crc=outcome.crc,
        answers=outcome.answers,
        instructions=round(instructions),
        stack_bytes=outcome.stack_bytes,
        flash_bytes=flash_bytes,
        arena_bytes=arena_bytes,
    )


def _compile(program: Program, board: Board, folder: Path) -> list[str]:
    compiler = tools.find(COMPILER, REMEDY)
    sources = [*programs.sources(program), "measure_cortex_m.c", "startup.c"]
    flags = [*programs.FLAGS, *FLAGS, OPTIMISATION, *board.flags, *programs.definitions(program)]
    tools.run([compiler, *flags, "-c", *sources], folder=folder, limit_s=COMPILE_LIMIT_S)
    return [Path(source).with_suffix(".o").name for source in sources]


def _link(board: Board, objects: list[str], folder: Path) -> None:
    script = programs.linker_script(
        {
            "code_origin": hex(board.code.origin),
            "code_bytes": board.code.size_bytes,
            "data_origin": hex(board.data.origin),
            "data_bytes": board.data.size_bytes,
            "stack_bytes": STACK_BYTES,
            "heap_bytes": HEAP_BYTES,
        }
    )
    (folder / "board.ld").write_text(script, encoding="utf-8")
    compiler = tools.find(COMPILER, REMEDY)
    options = ("--specs=rdimon.specs", "-nostartfiles", "-Wl,--gc-sections", "-Tboard.ld")
    command = [compiler, "-mthumb", *board.flags, *options, *objects, "-o", "firmware.elf"]
    try:
        tools.run(command, folder=folder, limit_s=COMPILE_LIMIT_S)
    except ToolFailed as error:
        if not any(words in str(error) for words in TOO_LARGE):
            raise
        raise BoardTooSmall(
            f"the network does not fit {board.name}, which has {board.code.size_bytes:,} bytes for "
            f"program and constants and {board.data.size_bytes:,} for data"
        ) from error


def _command(emulator: str, board: Board) -> list[str]:
    machine = ["-machine", board.name, "-kernel", "firmware.elf"]
    console = ["-nographic", "-monitor", "none", "-serial", "none"]
    return [emulator, *machine, *console, "-semihosting-config", "enable=on", "-icount", "shift=0"]


def _sizes(objects: list[str], folder: Path) -> tuple[int, int]:
    """Bytes of program and constants, and of variables, of the network's own objects."""
    own = [name for name in objects if name == "model.o" or name.startswith("netaug_")]
    printed = tools.run([tools.find(SIZES, REMEDY), *own], folder=folder, limit_s=COMPILE_LIMIT_S)
    rows = [[int(number) for number in line.split()[:3]] for line in printed.splitlines()[1:]]
    return sum(text + data for text, data, _ in rows), sum(data + bss for _, data, bss in rows)
