"""Detection: objects in boxes, scored by average precision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor, nn

from netaug_core import datasets
from netaug_core.data.dataset import Dataset
from netaug_core.data.detection.dataset import open_detection
from netaug_core.data.detection.feed import DetectionFeed
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.photometric import OFF, Strengths
from netaug_core.data.detection.transforms import DetectionTransform, Variation
from netaug_core.data.order import Rank
from netaug_core.detection import anchors, scores
from netaug_core.detection.coding import Coding, coding
from netaug_core.detection.objective import DetectionObjective
from netaug_core.detection.scores import DetectionScores
from netaug_core.detection.shapes import object_shapes
from netaug_core.detection.suppression import Limits
from netaug_core.detectors.table import Detector, Shape
from netaug_core.errors import BadData
from netaug_core.models.detector import DetectionNetwork, build
from netaug_core.sections.detection import YOLOV3_ANCHORS, DetectionSpec
from netaug_core.spec import JobSpec
from netaug_core.training import evaluate_detection, pretrained_detector
from netaug_core.training.devices import Group
from netaug_core.training.evaluate_detection import Answers, Reading
from netaug_core.training.pretrained_detector import DetectorNet
from netaug_core.weights import Inputs, WeightsFile

LEAST_SIDE = 0.01  # pixels, of a found anchor
ANCHOR_SEED = 0  # the anchors belong to the dataset and the input size, not to a run


@dataclass(frozen=True)
class Detection:
    """A spec with its data."""

    spec: JobSpec
    dataset: Dataset[DetectionPart]

    @classmethod
    def open(cls, spec: JobSpec, roots: Sequence[Path]) -> Self:
        """Find, read, check and split the data, and find anchors in them.

        Raises:
            BadData: something is missing or wrong.
        """
        info = datasets.find(spec.data.dataset, roots)
        resize = section_of(spec).resize
        task = cls(spec, open_detection(info, spec.data.validation_fraction, resize))
        _ = task.coding  # what is wrong with the anchors is told before training
        return task

    @property
    def section(self) -> DetectionSpec:
        return section_of(self.spec)

    @property
    def score_name(self) -> str:
        return self.section.metric

    @cached_property
    def table(self) -> Detector:
        table = self.spec.table(
            num_classes=len(self.dataset.class_names), in_channels=self.dataset.in_channels
        )
        return cast("Detector", table)

    @cached_property
    def anchors(self) -> tuple[Shape, ...]:
        """Those of the spec, or found in the training part; none for ssdlite, which has its own.

        Raises:
            BadData: they are to be found, and the objects have too few sizes.
        """
        section = self.section
        if section.detector != "yolov3":
            return ()
        if section.anchors is not None:
            return section.anchors
        shapes = object_shapes(
            self.dataset.train.annotations, self.spec.model.input_size, section.resize
        )
        try:
            found = anchors.find(shapes, YOLOV3_ANCHORS, seed=ANCHOR_SEED)
        except ValueError as error:
            raise BadData(f"detection.{error}") from error
        return tuple(
            (max(LEAST_SIDE, round(width, 2)), max(LEAST_SIDE, round(height, 2)))
            for width, height in found
        )

    @cached_property
    def coding(self) -> Coding:
        """Between objects and the network's numbers."""
        return coding(self.table, self.anchors, box_loss=self.section.box_loss)

    def feed(self, device: torch.device, rank: Rank, num_workers: int) -> DetectionFeed:
        section, size = self.section, self.spec.model.input_size
        variation = Variation(
            resize=section.resize,
            horizontal_flip=self.spec.data.horizontal_flip,
            crop=section.crop,
            zoom_out=section.zoom_out,
            mosaic=section.mosaic,
            colours=Strengths() if section.colours else OFF,
        )
        return DetectionFeed(
            DetectionTransform(variation, self.spec.training.seed),
            self.dataset.normalisation,
            device,
            size=size,
            sides=section.sides or (size,),
            num_workers=num_workers,
            rank=rank,
        )

    def objective(self, inputs: Inputs, device: torch.device, group: Group) -> DetectionObjective:
        del inputs, device  # no teacher: the spec refuses one
        return DetectionObjective(self.coding, group.mean)

    def load_pretrained(self, net: nn.Module, file: WeightsFile) -> None:
        assert self.spec.pretrained is not None  # noqa: S101  # it named the file
        detector = cast("DetectorNet", net)
        if self.spec.pretrained.head == "keep":
            pretrained_detector.load_detector(detector, file, class_names=self.dataset.class_names)
        else:
            pretrained_detector.load_backbone(detector, file)

    def answer(
        self,
        network: nn.Module,
        part: DetectionPart,
        feed: DetectionFeed,
        before_batch: Callable[[], None],
        group: Group,
    ) -> Answers:
        return evaluate_detection.predict(
            network,
            part,
            feed,
            reading_of(self.section, self.coding),
            before_batch,
            group,
        )

    def score(self, answers: Answers, part: DetectionPart) -> DetectionScores:
        return scores.score(
            part.annotations,
            answers.found,
            self.dataset.class_names,
            self.section.metric,
            answers.loss,
        )

    def rebuild(self, weights: Mapping[str, Tensor]) -> DetectionNetwork:
        network = build(self.table)
        network.load_state_dict(weights)
        return network.eval()


def section_of(spec: JobSpec) -> DetectionSpec:
    """That of a spec of this task."""
    assert spec.detection is not None  # noqa: S101  # the spec sees to it
    return spec.detection


def reading_of(section: DetectionSpec, coding: Coding) -> Reading:
    """What a network's outputs mean."""
    limits = Limits(
        least_score=section.score_threshold,
        overlap=section.nms_threshold,
        per_picture=section.detections_per_image,
    )
    return Reading(DetectionObjective(coding), limits)
