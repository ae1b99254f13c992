"""What a trainer's exit means for its job. Pure: no database, no process."""

import dataclasses
import signal
from dataclasses import dataclass

from jobs.lifecycle import Ending
from jobs.states import AttemptOutcome
from netaug_core.errors import EXIT_LEFT, FailureClass
from netaug_core.events import Failed, Finished, Left
from worker import limits
from worker.guard import SIGNAL_EXIT
from worker.ladder import Reason
from worker.limits import Excess

LOST = AttemptOutcome.LOST

# What a limit of the worker means to its job. A second attempt would cross it again.
CROSSED = {
    limits.MEMORY: (
        FailureClass.OUT_OF_MEMORY,
        "the trainer used {used:,} bytes of memory, and a job may use {allowed:,} here "
        "(NETAUG_TRAINER_MEMORY_BYTES); use a smaller data.batch_size or model.input_size",
    ),
    limits.PROCESSES: (
        FailureClass.USER_ERROR,
        "the trainer ran {used:,} processes, and a job may run {allowed:,} here "
        "(NETAUG_TRAINER_PROCESSES)",
    ),
    limits.DISK: (
        FailureClass.USER_ERROR,
        "no_space: the trainer's files took {used:,} bytes, and a job may use {allowed:,} here "
        "(NETAUG_TRAINER_DISK_BYTES); use a smaller model",
    ),
}


@dataclass(frozen=True)
class Exit:
    """How the trainer ended.

    Attributes:
        code: its exit code, or 128 plus the signal that ended it.
        last_words: the last thing it said of its end, if it came to that.
        left_for: why the supervisor had asked it to leave, if it had.
        out_of_memory: the kernel killed a process of this machine's group for memory meanwhile.
        excess: the worker's limit for which its guard ended it.
        stuck: its processes that do not die.
    """

    code: int
    last_words: Finished | Failed | Left | None
    left_for: Reason | None
    out_of_memory: bool
    excess: Excess | None = None
    stuck: tuple[int, ...] = ()


def ending_of(ended: Exit, *, retry_exit_codes: tuple[int, ...], time_limit_s: int) -> Ending:
    """The attempt's ending, where it was no success and nobody cancelled or drained it."""
    ending = _ending_of(ended, retry_exit_codes, time_limit_s)
    if not ended.stuck:
        return ending
    pids = ", ".join(map(str, ended.stuck))
    told = f"{ending.message}; its processes {pids} were killed and do not die"
    return dataclasses.replace(ending, message=told)


def _ending_of(ended: Exit, retry_exit_codes: tuple[int, ...], time_limit_s: int) -> Ending:
    if ended.excess is not None:
        failure, sentence = CROSSED[ended.excess.limit]
        message = sentence.format(used=ended.excess.used, allowed=ended.excess.allowed)
        return Ending(AttemptOutcome.FAILED, failure, message, ended.code)
    if ended.left_for is Reason.TIMEOUT:
        message = f"training took longer than resources.time_limit_seconds ({time_limit_s})"
        return Ending(AttemptOutcome.FAILED, FailureClass.TIMEOUT, message, ended.code)
    if ended.code in retry_exit_codes:
        message = f"the trainer ended with code {ended.code}, which the spec retries"
        return Ending(LOST, FailureClass.INFRA_LOST, message, ended.code)
    if isinstance(ended.last_words, Failed):
        failure, message = ended.last_words.failure, ended.last_words.message
        outcome = LOST if failure is FailureClass.INFRA_LOST else AttemptOutcome.FAILED
        return Ending(outcome, failure, message, ended.code)
    if ended.out_of_memory and ended.code == SIGNAL_EXIT + signal.SIGKILL:
        message = "the machine ran out of memory; use a smaller batch_size or input_size"
        return Ending(AttemptOutcome.FAILED, FailureClass.OUT_OF_MEMORY, message, ended.code)
    return Ending(LOST, FailureClass.INFRA_LOST, _what_happened(ended.code), ended.code)


def _what_happened(code: int) -> str:
    named = {SIGNAL_EXIT + which: which.name for which in signal.Signals}
    if code in named:
        return f"the trainer process was ended by {named[code]}"
    if code == EXIT_LEFT:
        return "the trainer process was asked to leave, not by this platform"
    return f"the trainer process ended with code {code} and did not say why; see the log"
