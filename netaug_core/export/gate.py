"""The export gate: no file leaves before a fresh process has loaded it and found it right."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from netaug_core.errors import ExportMismatch
from netaug_core.export.reports import VerifyReport

POLL_SECONDS = 0.2


def check(
    spec_file: Path,
    directory: Path,
    reference_file: Path,
    roots: Sequence[Path],
    *,
    while_waiting: Callable[[], None],
) -> VerifyReport:
    """Verify the exported files of `directory` in a process of its own.

    Raises:
        ExportMismatch: a file cannot be loaded, or computes something else.
    """
    command = [sys.executable, "-m", "netaug_core", "verify", str(spec_file)]
    command += ["--dir", str(directory), "--reference", str(reference_file)]
    for root in roots:
        command += ["--data", str(root)]
    output, errors, code = _run(command, while_waiting)
    if code not in (0, ExportMismatch.exit_code):
        raise ExportMismatch(f"the verifying process ended with code {code}: {errors[-1000:]}")
    try:
        report = VerifyReport.model_validate_json(output)
    except ValidationError as error:
        raise ExportMismatch(errors.strip() or f"no verdict: {output[:200]!r}") from error
    for sentence in report.disagreements():
        raise ExportMismatch(sentence)
    return report


def _run(command: list[str], while_waiting: Callable[[], None]) -> tuple[str, str, int]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:  # noqa: S603  # our own interpreter and module
        while True:
            try:
                output, errors = process.communicate(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                try:
                    while_waiting()
                except BaseException:
                    process.kill()
                    raise
            else:
                return output, errors, process.returncode
