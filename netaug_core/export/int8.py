"""From a trained network to 8-bit integers, as a spec says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netaug_core.data.counters import permutation
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.order import CALIBRATION_SEED
from netaug_core.data.parts import Part
from netaug_core.export import folding
from netaug_core.models import detector
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Network
from netaug_core.quantized import calibration, quantising, rewriting
from netaug_core.quantized.calibration import CalibrationSet
from netaug_core.quantized.model import QuantizedModel
from netaug_core.quantized.preprocessing import Preprocessing
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.tasks.detection import Detection
from netaug_core.training import quantization_aware
from netaug_core.training.devices import ALONE, ONE
from netaug_core.training.quantization_aware import Lessons
from netaug_core.training.task import Batch
from netaug_core.weights import Inputs

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Quantiser:
    """Of the networks of a task.

    Attributes:
        inputs: with the teacher, if the training had one.
        device: where fine-tuning happens.
        before_step: called before each of its steps; it may raise, to leave.
        num_workers: processes that decode pictures ahead; 0 decodes in this one.
    """

    task: Classification | Detection
    inputs: Inputs
    device: torch.device
    before_step: Callable[[], None]
    num_workers: int = 0

    def quantise(self, network: Network | DetectionNetwork) -> QuantizedModel | None:
        """A trained network in integers; None if the spec asks for none.

        Raises:
            NotQuantizable: a layer has no integers; it is named.
            CalibrationUnusable: the training part has too few pictures, or of one class.
            NonFiniteLoss: fine-tuning diverged.
        """
        spec = self.task.spec
        section = spec.quantization
        if section is None:
            return None
        folded = rewriting.with_activations_in_convolutions(
            folding.fold(network, spec.model.input_size)
        )
        pictures = self.pictures(section.calibration_images)
        ranges = calibration.measure(folded, pictures, section.ranges)
        if section.aware_epochs:
            folded = quantization_aware.fine_tune(
                folded, ranges, self._lessons(spec), section=section, training=spec.training
            )
        return quantising.from_ranges(folded, ranges)

    def preprocessing(self) -> Preprocessing:
        normalisation = self.task.dataset.normalisation
        return Preprocessing(normalisation.mean, normalisation.std)

    def pictures(self, count: int) -> CalibrationSet:
        """A fixed subset of the training part, each picture as it is.

        Raises:
            CalibrationUnusable: they are too few, or of one class.
        """
        train = self.task.dataset.train
        part = train.take(np.sort(permutation(CALIBRATION_SEED, 0, len(train))[:count]))
        images = [images.permute(0, 2, 3, 1) for images in self._as_they_are(part)]
        return CalibrationSet(
            images=torch.cat(images).contiguous().numpy(),
            labels=_labels(part),
            num_classes=len(self.task.dataset.class_names),
            preprocessing=self.preprocessing(),
        )

    def _as_they_are(self, part: Any) -> Iterator[Tensor]:
        """(B, C, S, S) normalised, on the CPU."""
        feed: Any = self.task.feed(CPU, ALONE, self.num_workers)
        for batch in feed.evaluation(part):
            yield batch[0] if isinstance(batch, tuple) else batch.images

    def _lessons(self, spec: JobSpec) -> Lessons:
        """The training's own pictures, varied as there; its epochs go on counting."""
        train: Any = self.task.dataset.train
        feed: Any = self.task.feed(self.device, ALONE, self.num_workers)
        batch_size = min(spec.data.batch_size, len(train))

        def batches(epoch: int) -> Iterator[Batch]:
            found: Iterator[Batch] = feed.training(
                train, spec.training.epochs + epoch, batch_size, 0
            )
            return found

        return Lessons(
            batches=batches,
            steps_per_epoch=len(train) // batch_size,
            objective=self.task.objective(self.inputs, self.device, ONE),
            answer=answer_of(self.task),
            device=self.device,
            before_step=self.before_step,
        )


def _labels(part: Part | DetectionPart) -> NDArray[np.int64]:
    """The classes of what is on the pictures."""
    if isinstance(part, DetectionPart):
        return np.concatenate([annotation.labels for annotation in part.annotations])
    return part.labels


def answer_of(task: Classification | Detection) -> Callable[[Sequence[Tensor]], Tensor]:
    """Makes the network's answer, as the objective takes it, of a graph's outputs (B, C, H, W)."""
    if isinstance(task, Classification):
        return lambda outputs: outputs[0].flatten(1)  # (B, K)
    levels, anchors = task.table.levels, task.table.anchors_per_cell

    def answer(outputs: Sequence[Tensor]) -> Tensor:
        maps = iter(outputs)
        return detector.rows([[next(maps) for _ in level.heads] for level in levels], anchors)

    return answer
