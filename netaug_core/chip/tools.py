"""Other programs: compilers and the emulator. None may run without a time limit."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from netaug_core.errors import CoreError

TOLD_CHARACTERS = 2000  # of what a program printed before it failed


class ToolMissing(CoreError):
    """A program is not installed."""


class ToolFailed(CoreError):
    """A program ended with an error, or did not end."""


def find(program: str, remedy: str) -> str:
    """A program's path.

    Raises:
        ToolMissing: with the remedy.
    """
    path = shutil.which(program)
    if path is None:
        raise ToolMissing(f"{program} is not installed; {remedy}")
    return path


def run(command: Sequence[str], *, folder: Path, limit_s: float) -> str:
    """What a program printed on its standard output.

    Raises:
        ToolFailed: its exit code is not 0, or the time is up.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603  # a compiler, or what it made
            list(command), cwd=folder, timeout=limit_s, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(f"{name} was ended after {limit_s:g} seconds") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-TOLD_CHARACTERS:]
        raise ToolFailed(f"{name} ended with code {done.returncode}: {said}")
    return done.stdout
