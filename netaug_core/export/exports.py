"""What the end of a run asks of a task: its model files, its card, its receipt."""

from pathlib import Path
from typing import Any, Protocol, cast

from netaug_core.export.classification import ClassificationExports
from netaug_core.export.detection import DetectionExports
from netaug_core.export.receipt import Receipt
from netaug_core.tasks.classification import Classification
from netaug_core.tasks.detection import Detection
from netaug_core.training.state import Best, RunState
from netaug_core.training.task import Answers, Task


class Exports(Protocol):
    """Of a task with its data; `network` is the trained tiny net, on the CPU, in eval mode."""

    def write_models(self, directory: Path, network: Any, facts: dict[str, str]) -> None:
        """model.safetensors and model.onnx. `facts`: metadata that every model has."""

    def write_reference(self, path: Path, network: Any, answers: Answers, feed: Any) -> None:
        """What the network computes on the test part, for the process that checks the files."""

    def scores(self, answers: Answers, best: Best) -> dict[str, Any]:
        """The card's scores, as JSON."""

    def result(self, answers: Answers, best: Best) -> dict[str, float]:
        """The job's scores."""

    def write_pictures(self, directory: Path, answers: Answers) -> dict[str, str]:
        """Pictures for the card: what each shows, by the file's name."""

    def receipt(
        self, answers: Answers, control: Answers, states: tuple[RunState, RunState]
    ) -> Receipt:
        """The network against its plain control, on the test part."""


def of(task: Task) -> Exports:
    """Those of a task."""
    if isinstance(task, Detection):
        return DetectionExports(task)
    return ClassificationExports(cast("Classification", task))
