"""A run with a control has two trainings, one after the other; outside they count as one."""

from dataclasses import dataclass

from netaug_core.events import Metrics, Progress, RunEvent
from netaug_core.spec import JobSpec
from netaug_core.training.reporting import Reporter

CONTROL_PREFIX = "control/"


@dataclass(frozen=True)
class StageReporter:
    """Reports a training as a part of the whole run.

    Attributes:
        steps_before: steps of the trainings before this one.
        epochs_before: likewise.
        num_stages: trainings of the run, all of the same length.
        prefix: of the names of this training's metrics.
    """

    reporter: Reporter
    num_stages: int
    steps_before: int = 0
    epochs_before: int = 0
    prefix: str = ""

    def emit(self, event: RunEvent) -> None:
        self.reporter.emit(self._as_part(event))

    def _as_part(self, event: RunEvent) -> RunEvent:
        if isinstance(event, Progress):
            left = (event.total_steps - event.step) / event.total_steps
            later = self.num_stages - 1 - bool(self.steps_before)
            return event.model_copy(
                update={
                    "step": event.step + self.steps_before,
                    "total_steps": event.total_steps * self.num_stages,
                    "epoch": event.epoch + self.epochs_before,
                    "total_epochs": event.total_epochs * self.num_stages,
                    "eta_seconds": _with_later_stages(event.eta_seconds, left, later),
                }
            )
        if isinstance(event, Metrics):
            values = {self.prefix + name: value for name, value in event.values.items()}
            return event.model_copy(
                update={
                    "step": event.step + self.steps_before,
                    "epoch": event.epoch + self.epochs_before,
                    "values": values,
                }
            )
        return event


def num_stages(spec: JobSpec) -> int:
    return 2 if spec.control else 1


def control_of(spec: JobSpec) -> JobSpec:
    """The same job, trained plainly."""
    return spec.model_copy(update={"augment": None, "control": False})


def _with_later_stages(eta_seconds: float | None, left: float, later: int) -> float | None:
    """An upper bound: a later stage is plain, and no slower than this one."""
    if eta_seconds is None or left == 0:
        return eta_seconds
    return eta_seconds * (1 + later / left)
