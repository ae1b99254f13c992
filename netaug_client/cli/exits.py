"""Exit codes, the same for every command."""

import enum

from netaug_client.errors import (
    Invalid,
    NetaugError,
    NoSuchPreset,
    NotAllowed,
    NotFound,
    WaitTimedOut,
)


class ExitCode(enum.IntEnum):
    OK = 0
    ERROR = 1
    USAGE = 2  # wrong arguments, or a spec that is not valid
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    JOB_FAILED = 5
    JOB_CANCELLED = 6
    TIMED_OUT = 124
    INTERRUPTED = 130


BY_ERROR: tuple[tuple[type[NetaugError], ExitCode], ...] = (
    (NotFound, ExitCode.NOT_FOUND),
    (NoSuchPreset, ExitCode.NOT_FOUND),
    (NotAllowed, ExitCode.NOT_ALLOWED),
    (Invalid, ExitCode.USAGE),
    (WaitTimedOut, ExitCode.TIMED_OUT),
)
BY_STATUS = {
    "succeeded": ExitCode.OK,
    "failed": ExitCode.JOB_FAILED,
    "cancelled": ExitCode.JOB_CANCELLED,
}


def code_of(error: NetaugError) -> ExitCode:
    return next((code for kind, code in BY_ERROR if isinstance(error, kind)), ExitCode.ERROR)
