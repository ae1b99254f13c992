"""The exported C on this machine: built by its C compiler, run on images."""

from dataclasses import dataclass
from pathlib import Path

from netaug_core.c_export.options import Values
from netaug_core.chip import program as programs
from netaug_core.chip import tools
from netaug_core.chip.program import Program

REMEDY = "install a C compiler: apt-get install gcc libc6-dev"
COMPILE_LIMIT_S = 300.0  # millions of weights as text are a minute's work on a slow machine
RUN_LIMIT_S = 300.0
# They end a program that reads beyond an array, or computes what C leaves undefined.
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True, kw_only=True)
class HostRun:
    """What the C computed on this machine.

    Attributes:
        passed: the self-test's verdict.
        crc: of the golden outputs.
        answers: (N, H, W, C) of each of the graph's outputs.
        milliseconds: processor time of one image, on average.
    """

    passed: bool
    crc: int
    answers: tuple[Values, ...]
    milliseconds: float


def run(
    program: Program, images: Values, folder: Path, *, flags: tuple[str, ...] = ("-O3",)
) -> HostRun:
    """Build and run in an empty folder; images (N, H, W, C) as the network reads them.

    Raises:
        ToolMissing: there is no C compiler.
        ToolFailed: the C does not compile, or does not run to its end.
    """
    compiler = tools.find("gcc", REMEDY)
    programs.lay_out(program, images, folder)
    sources = [*programs.sources(program), "measure_host.c"]
    command = [compiler, *programs.FLAGS, *flags, *programs.definitions(program), *sources]
    tools.run([*command, "-o", "runner"], folder=folder, limit_s=COMPILE_LIMIT_S)
    printed = tools.run([str(folder / "runner")], folder=folder, limit_s=RUN_LIMIT_S)
    outcome = programs.outcome(program, printed, len(images), folder)
    return HostRun(
        passed=outcome.passed,
        crc=outcome.crc,
        answers=outcome.answers,
        milliseconds=outcome.ticks / 1000 / len(images),
    )
