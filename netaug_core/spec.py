"""The one definition of a job: the API accepts it, the database keeps it, the trainer runs it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from netaug_core import detector_feasibility, feasibility, presets
from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.documents import load_document
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.data import DataSpec
from netaug_core.sections.detection import DetectionSpec
from netaug_core.sections.fields import Name, Section, Tag
from netaug_core.sections.model import ModelSpec
from netaug_core.sections.quantization import QuantizationSpec
from netaug_core.sections.resources import ResourceSpec
from netaug_core.sections.target import TargetSpec
from netaug_core.sections.training import DistillationSpec, PretrainedSpec, TrainingSpec

MAX_SPEC_BYTES = 1 << 20


class JobSpec(Section):
    """A training job."""

    name: Name = Field("job", description="For people; need not be unique.")
    tags: tuple[Tag, ...] = Field((), max_length=20)
    preset: str | None = Field(
        None,
        description="A named recipe; what the spec itself says goes before it.",
        examples=["paper/mobilenet_v2"],
    )
    task: Literal["classification", "detection"] = "classification"
    model: ModelSpec = Field(description="The tiny network; of a detector, the backbone.")
    detection: DetectionSpec | None = Field(
        None, description="Of the task detection; left out there: the paper's detector."
    )
    data: DataSpec
    augment: AugmentSpec | None = Field(
        default_factory=AugmentSpec,
        description="Network Augmentation; null trains the plain network, the baseline.",
    )
    pretrained: PretrainedSpec | None = Field(
        None, description="Start from trained weights; null starts anew."
    )
    distillation: DistillationSpec | None = Field(
        None, description="Also learn from a teacher network; null does not."
    )
    training: TrainingSpec
    quantization: QuantizationSpec | None = Field(
        None, description="Also make 8-bit integers of the network; null makes none."
    )
    control: StrictBool = Field(
        False,
        description="Also train the plain network on the same seed, data and epochs, and write the "
        "difference into the model card.",
    )
    target: TargetSpec | None = Field(
        None, description="The microcontroller that the network is for; null: none is kept in mind."
    )
    resources: ResourceSpec = Field(default_factory=ResourceSpec)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, document: object) -> object:
        filled = presets.fill_in(document)
        if isinstance(filled, Mapping) and filled.get("task") == "detection":
            return {"detection": {}, **filled}
        return filled

    @model_validator(mode="after")
    def _control_compares_something(self) -> "JobSpec":
        if self.control and self.augment is None:
            raise PydanticCustomError(
                "control_of_plain",
                "control compares NetAug with the plain network, and augment is null: "
                "set control to false, or give augment",
                {},
            )
        return self

    @model_validator(mode="after")
    def _sections_are_the_tasks(self) -> "JobSpec":
        sections = {name: getattr(self, name) for name in ("model", "data", "augment", "training")}
        detector_feasibility.check_task(
            self.task, self.detection, {**sections, "distillation": self.distillation}
        )
        return self

    @model_validator(mode="after")
    def _network_can_be_trained(self) -> "JobSpec":
        # Neither the classes nor the images' channels matter to what is judged.
        network = self.model.architecture(num_classes=2, in_channels=3)
        feasibility.check(network, self.model.input_size, self.augment)
        feasibility.check_regularisers(network, self.model, self.augment)
        if self.detection is not None:
            detector = detector_feasibility.on_backbone(self.detection, network)
            detector_feasibility.check(
                detector, self.detection, self.model.input_size, self.augment
            )
        return self

    @model_validator(mode="after")
    def _devices_can_share(self) -> "JobSpec":
        num_devices = self.resources.gpus or 1
        feasibility.check_devices(num_devices, self.data.batch_size, self.training, self.augment)
        return self

    def table(self, *, num_classes: int, in_channels: int) -> Architecture | Detector:
        """The tiny network that is trained, for a dataset with these classes and channels."""
        network = self.model.architecture(num_classes=num_classes, in_channels=in_channels)
        return network if self.detection is None else self.detection.table(network)

    def canonical_json(self) -> str:
        """The spec with every default filled in, as the database and the trainer keep it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def load_spec(path: Path) -> JobSpec:
    """Read a job file.

    Raises:
        ValueError: the text is not YAML, or not a valid spec (then a pydantic ValidationError).
    """
    return JobSpec.model_validate(load_document(path.read_text(encoding="utf-8")))
