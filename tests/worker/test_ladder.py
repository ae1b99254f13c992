"""When a trainer that is to leave is asked, told and killed."""

import pytest

from worker.ladder import TERMINATE_SECONDS, Ladder, Reason

GRACE_S = 20.0


class Trainer:
    """Never leaves by itself; remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def ask(self, wish: str) -> None:
        self.told.append(wish)

    def terminate(self) -> None:
        self.told.append("terminate")

    def kill(self) -> None:
        self.told.append("kill")


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
def ladder(trainer: Trainer) -> Ladder:
    return Ladder(trainer, grace_seconds=GRACE_S)


def test_haste_ends_the_grace_and_leaves_the_time_between_the_signals(
    trainer: Trainer, ladder: Ladder
) -> None:
    ladder.begin(Reason.DRAIN, now=100.0)
    ladder.climb(101.0)
    assert trainer.told == ["leave"]

    ladder.hurry(now=101.0)
    ladder.climb(101.0)
    assert trainer.told == ["leave", "terminate"]

    ladder.hurry(now=101.0 + TERMINATE_SECONDS - 0.1)  # said again with each look
    ladder.climb(101.0 + TERMINATE_SECONDS - 0.1)
    assert trainer.told == ["leave", "terminate"]
    ladder.climb(101.0 + TERMINATE_SECONDS)
    assert trainer.told == ["leave", "terminate", "kill"]


def test_haste_lengthens_no_grace_that_is_over(trainer: Trainer, ladder: Ladder) -> None:
    ladder.begin(Reason.DRAIN, now=100.0)
    ladder.hurry(now=100.0 + GRACE_S + TERMINATE_SECONDS)
    ladder.climb(100.0 + GRACE_S + TERMINATE_SECONDS)
    assert trainer.told == ["leave", "terminate", "kill"]


def test_haste_alone_ends_nothing(trainer: Trainer, ladder: Ladder) -> None:
    ladder.hurry(now=100.0)
    ladder.climb(1000.0)
    assert trainer.told == []
