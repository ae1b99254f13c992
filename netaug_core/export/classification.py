"""A classifier's files, scores and receipt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netaug_core.data.batches import Feed
from netaug_core.data.parts import Part
from netaug_core.export import onnx_file, reference
from netaug_core.export.names import MODEL_ONNX, MODEL_SAFETENSORS
from netaug_core.export.receipt import Receipt, write_receipt
from netaug_core.models import tensors_file
from netaug_core.models.network import Network
from netaug_core.statistics import Interval, compare_answers, pair_answers
from netaug_core.tasks.classification import Classification
from netaug_core.training.state import Best, RunState


@dataclass(frozen=True)
class ClassificationExports:
    """Answers are logits (N, K)."""

    task: Classification

    def write_models(self, directory: Path, network: Network, facts: dict[str, str]) -> None:
        tensors_file.write(directory / MODEL_SAFETENSORS, network, facts)
        onnx_file.write(directory / MODEL_ONNX, network, self.task.spec.model.input_size)

    def write_reference(self, path: Path, network: Network, answers: Tensor, feed: Feed) -> None:
        probe = reference.probe_images(self.task.dataset.test, feed)
        reference.write(path, network, answers, probe)

    def scores(self, answers: Tensor, best: Best) -> dict[str, Any]:
        test = self.task.score(answers, self.task.dataset.test)
        per_class = [
            {"class": name, "num_images": images, "accuracy": correct / images}
            for name, correct, images in zip(
                self.task.dataset.class_names,
                test.correct_per_class,
                test.images_per_class,
                strict=True,
            )
        ]
        return {
            "test_accuracy": test.accuracy,
            "test_loss": test.loss,
            "validation_accuracy": best.score,
            "validation_loss": best.loss,
            "per_class": per_class,
        }

    def result(self, answers: Tensor, best: Best) -> dict[str, float]:
        test = self.task.score(answers, self.task.dataset.test)
        return {
            "test_accuracy": test.accuracy,
            "test_loss": test.loss,
            "validation_accuracy": best.score,
        }

    def write_pictures(self, directory: Path, answers: Tensor) -> dict[str, str]:
        del directory, answers
        return {}

    def receipt(
        self, answers: Tensor, control: Tensor, states: tuple[RunState, RunState]
    ) -> Receipt:
        return compare(self.task.dataset.test, answers, control, states)


def compare(
    part: Part, logits: Tensor, control: Tensor, states: tuple[RunState, RunState]
) -> Receipt:
    """The receipt of two sets of logits (N, K) of the same test part."""
    labels = torch.from_numpy(part.labels)
    right, control_right = ((one.argmax(1) == labels).tolist() for one in (logits, control))
    answers = pair_answers(right, control_right)
    difference = compare_answers(answers)
    interval = difference.interval or Interval(difference.mean, difference.mean)
    scores = answers.first / answers.count, answers.second / answers.count
    return write_receipt("accuracy", scores, interval, len(part), states)
