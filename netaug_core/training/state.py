"""Where a run stands: everything besides weights that a resume needs."""

from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from netaug_core.training.losses import LossLog


@dataclass
class EpochRow:
    """One line of metrics.csv."""

    epoch: int
    step: int
    values: dict[str, float]


@dataclass
class Best:
    """The deployable network of the best epoch so far, calibrated.

    Attributes:
        score: on the validation part, the higher the better; the task says which it is.
        loss: there; the lower one wins between equal scores.
    """

    epoch: int
    score: float
    loss: float
    weights: dict[str, Tensor]

    def beats(self, other: "Best | None") -> bool:
        """The first of equal epochs stays."""
        return other is None or (self.score, -self.loss) > (other.score, -other.loss)


@dataclass
class RunState:
    """A position is (epoch, steps done in it); a finished epoch may still await its evaluation."""

    epoch: int = 0
    step_in_epoch: int = 0
    stopped_early: bool = False
    epoch_seconds: float = 0.0
    train_seconds: float = 0.0  # all of it, with calibration and evaluation
    step_seconds: float = 0.0  # of the training steps, with loading their data
    losses: LossLog = field(default_factory=LossLog)
    history: list[EpochRow] = field(default_factory=list)
    best: Best | None = None

    def begin_next_epoch(self) -> None:
        self.epoch += 1
        self.step_in_epoch = 0
        self.epoch_seconds = 0.0
        self.losses = LossLog()

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "stopped_early": self.stopped_early,
            "epoch_seconds": self.epoch_seconds,
            "train_seconds": self.train_seconds,
            "step_seconds": self.step_seconds,
            "loss_sums": self.losses.sums,
            "loss_counts": self.losses.counts,
            "history": [asdict(row) for row in self.history],
            "best": None if self.best is None else vars(self.best),
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "RunState":
        return cls(
            epoch=state["epoch"],
            step_in_epoch=state["step_in_epoch"],
            stopped_early=state["stopped_early"],
            epoch_seconds=state["epoch_seconds"],
            train_seconds=state["train_seconds"],
            step_seconds=state["step_seconds"],
            losses=LossLog(state["loss_sums"], state["loss_counts"]),
            history=[EpochRow(**row) for row in state["history"]],
            best=None if state["best"] is None else Best(**_renamed(state["best"])),
        )


def _renamed(best: dict[str, Any]) -> dict[str, Any]:
    """Checkpoints of before there were other tasks say `accuracy`."""
    return {"score" if name == "accuracy" else name: value for name, value in best.items()}
