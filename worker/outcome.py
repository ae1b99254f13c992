"""What a trainer's exit means for its job. Pure: no database, no process."""

import signal
from dataclasses import dataclass

from jobs.lifecycle import Ending
from jobs.states import AttemptOutcome
from netaug_core.errors import EXIT_LEFT, FailureClass
from netaug_core.events import Failed, Finished, Left
from worker.guard import SIGNAL_EXIT
from worker.ladder import Reason

LOST = AttemptOutcome.LOST


@dataclass(frozen=True)
class Exit:
    """How the trainer ended.

    Attributes:
        code: its exit code, or 128 plus the signal that ended it.
        last_words: the last thing it said of its end, if it came to that.
        left_for: why the supervisor had asked it to leave, if it had.
        out_of_memory: the kernel killed a process of this machine's group for memory meanwhile.
    """

    code: int
    last_words: Finished | Failed | Left | None
    left_for: Reason | None
    out_of_memory: bool


def ending_of(ended: Exit, *, retry_exit_codes: tuple[int, ...], time_limit_s: int) -> Ending:
    """The attempt's ending, where it was no success and nobody cancelled or drained it."""
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
    if code > SIGNAL_EXIT:
        name = signal.Signals(code - SIGNAL_EXIT).name
        return f"the trainer process was ended by {name}"
    if code == EXIT_LEFT:
        return "the trainer process was asked to leave, not by this platform"
    return f"the trainer process ended with code {code} and did not say why; see the log"
