"""What an exit code says."""

import pytest

from jobs.states import AttemptOutcome
from worker.outcome import Exit, ending_of


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (137, "ended by SIGKILL"),
        (139, "ended by SIGSEGV"),
        (163, "ended with code 163"),  # no signal has this number
        (200, "ended with code 200"),
        (255, "ended with code 255"),  # C's exit(-1)
        (1, "ended with code 1 "),
    ],
)
def test_an_exit_that_nobody_explained_is_told_by_its_code(code: int, says: str) -> None:
    ended = Exit(code=code, last_words=None, left_for=None, out_of_memory=False)
    ending = ending_of(ended, retry_exit_codes=(), time_limit_s=60)
    assert (ending.outcome, ending.exit_code) == (AttemptOutcome.LOST, code)
    assert says in (ending.message or "")
