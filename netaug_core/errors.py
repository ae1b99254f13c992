"""What can go wrong in a run. Each error knows the failure class and exit code of its job."""

import enum


class FailureClass(enum.StrEnum):
    """Why a job failed, apart from the message. Only `infra_lost` is retried by itself."""

    USER_ERROR = "user_error"  # the spec asks for something that cannot be done
    BAD_DATA = "bad_data"  # the dataset is missing, corrupt or has changed
    DIVERGED = "diverged"  # the loss stopped being finite
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"  # the job's own time limit
    INFRA_LOST = "infra_lost"  # the machine, the worker or the trainer process was lost
    EXPORT_GATE = "export_gate"  # an exported file does not compute what was trained


class CoreError(Exception):
    """A training run cannot go on."""

    failure = FailureClass.USER_ERROR
    exit_code = 64


class BadSpec(CoreError):
    """The spec cannot be run."""


class BadData(CoreError):
    """The dataset cannot be used."""

    failure = FailureClass.BAD_DATA
    exit_code = 65


class NonFiniteLoss(CoreError):
    """The loss became NaN or infinite."""

    failure = FailureClass.DIVERGED
    exit_code = 66


class OutOfMemory(CoreError):
    """The device or the machine has too little memory for this spec."""

    failure = FailureClass.OUT_OF_MEMORY
    exit_code = 67


class ExportMismatch(CoreError):
    """An exported model does not agree with the trained one."""

    failure = FailureClass.EXPORT_GATE
    exit_code = 68


class NotQuantizable(CoreError):
    """The trained network cannot be computed in 8-bit integers."""

    failure = FailureClass.EXPORT_GATE
    exit_code = 68


class CheckpointUnusable(CoreError):
    """A checkpoint is damaged or belongs to another spec or dataset."""

    failure = FailureClass.INFRA_LOST
    exit_code = 69


# The run wrote a checkpoint and left because it was asked to (EX_TEMPFAIL of sysexits.h).
EXIT_LEFT = 75
