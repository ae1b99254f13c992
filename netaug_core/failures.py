"""What is told of a failure: its class, its exit code, a message of bounded length.

Torch-free: it may be a bad spec, before torch is loaded.
"""

import errno
import sys

from netaug_core.errors import CoreError, FailureClass, OutOfMemory
from netaug_core.events import Failed

EXIT_BUG = 1
MAX_MESSAGE = 4000
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
LEFT_OUT = "\n  and {:,} lines more: the log has all"
# What torch says when the machine's own memory is at an end; it is a plain RuntimeError.
CPU_OUT_OF_MEMORY = "can't allocate memory"


def classify(error: Exception) -> tuple[Failed, int]:
    """The failure to report, and the exit code that goes with it."""
    message = str(error) or type(error).__name__
    if _is_out_of_memory(error):
        message = (
            f"data.batch_size or model.input_size: out of memory; lower one of them ({message})"
        )
        error = OutOfMemory(message)
    if isinstance(error, CoreError):
        return Failed(failure=error.failure, message=_cut(message)), error.exit_code
    text = (no_space(error) or f"{type(error).__name__}: {message}")[:MAX_MESSAGE]
    return Failed(failure=FailureClass.INFRA_LOST, message=text), EXIT_BUG


def no_space(error: BaseException) -> str | None:
    """The message, if a full disk was the cause."""
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return f"no_space: the disk is full; free space on it ({error})"
    return None


def log_whole(error: Exception) -> None:
    """What an event cannot hold, for the job's log."""
    if isinstance(error, CoreError) and len(str(error)) > MAX_MESSAGE:
        sys.stderr.write(f"{error}\n")


def _cut(message: str) -> str:
    """What an event may hold of a message: whole lines, and how many are left out."""
    if len(message) <= MAX_MESSAGE:
        return message
    longest = LEFT_OUT.format(message.count("\n"))
    kept = message[: MAX_MESSAGE - len(longest)].rpartition("\n")[0]
    if not kept:
        return message[:MAX_MESSAGE]
    return kept + LEFT_OUT.format(message.count("\n") - kept.count("\n"))


def _is_out_of_memory(error: Exception) -> bool:
    # By name: torch may not be loaded yet, and this module does not load it.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or CPU_OUT_OF_MEMORY in str(error)
    )
