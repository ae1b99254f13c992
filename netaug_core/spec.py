"""The one definition of a job: the API accepts it, the database keeps it, the trainer runs it."""

import contextlib
import itertools
import json
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from netaug_core.architectures import FAMILIES, FIXED_WIDTH, Architecture, ModelOptions
from netaug_core.datasets import MAX_NAME_LENGTH, NAME_PATTERN

MAX_SPEC_BYTES = 1 << 20
MAX_MULTIPLIERS = 8
MAX_MULTIPLIER = 8.0  # the paper's widest networks use 3

Count = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,99}$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:=/-]{0,49}$")]
DatasetName = Annotated[
    str,
    StringConstraints(pattern=rf"^{NAME_PATTERN.pattern}$", max_length=MAX_NAME_LENGTH),
]


class Section(BaseModel):
    """A part of a spec: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(Section):
    """The tiny network. Its number of classes and input channels come from the dataset."""

    name: str = Field(
        description=f"Network family: {', '.join(sorted(FAMILIES))}.", examples=["mobilenet_v2"]
    )
    width: Number = Field(
        0.35, ge=0.1, le=4.0, description="Width multiplier of the deployed network."
    )
    input_size: Count = Field(
        160, ge=28, le=1024, description="Side of the square input, in pixels."
    )
    stem_stride: Literal[1, 2] = Field(
        2, description="Stride of the first convolution: 1 keeps detail of inputs under 64 pixels."
    )
    dropout: Number = Field(0.0, ge=0.0, lt=1.0, description="Dropout before the classifier.")

    @field_validator("name")
    @classmethod
    def _family_exists(cls, name: str) -> str:
        if name not in FAMILIES:
            raise PydanticCustomError(
                "unknown_model",
                "there is no such model; choose one of {choices}",
                {"choices": ", ".join(sorted(FAMILIES))},
            )
        return name

    @field_validator("width")
    @classmethod
    def _width_fits_family(cls, width: float, info: ValidationInfo) -> float:
        # Runs only for a width that was given: a family of fixed width ignores the default.
        fixed = FIXED_WIDTH.get(info.data.get("name", ""), width)
        if width != fixed:
            raise PydanticCustomError(
                "fixed_width",
                "{name} has the fixed width {fixed}; leave width out, or use mobilenet_v2",
                {"name": info.data["name"], "fixed": fixed},
            )
        return width

    def architecture(self, *, num_classes: int, in_channels: int) -> Architecture:
        """The network's table for a dataset with these classes and image channels."""
        options = ModelOptions(
            num_classes=num_classes,
            in_channels=in_channels,
            width=self.width,
            stem_stride=self.stem_stride,
            dropout=self.dropout,
        )
        return FAMILIES[self.name](options)


class DataSpec(Section):
    """Which images, how they are split, and how training images are varied."""

    dataset: DatasetName = Field(
        description="A built-in dataset, or the path of an ImageFolder below the data root.",
        examples=["digits", "fashion-mnist", "flowers"],
    )
    validation_fraction: Number = Field(
        0.1,
        ge=0.01,
        le=0.5,
        description="Part of the training images, by class, on which the best epoch is picked. "
        "The test images are scored once, at the end.",
    )
    batch_size: Count = Field(128, ge=2, le=4096)
    crop: Literal["none", "padded", "resized"] = Field(
        "padded",
        description="padded: shift by up to an eighth of the side. resized: a random area and "
        "aspect, as for ImageNet. none: the whole image.",
    )
    horizontal_flip: StrictBool = Field(False, description="Mirror half of the training images.")
    brightness: Number = Field(0.0, ge=0.0, le=1.0, description="Brightness jitter, 0 is none.")
    saturation: Number = Field(0.0, ge=0.0, le=1.0, description="Saturation jitter, 0 is none.")


class AugmentSpec(Section):
    """Network Augmentation: the larger networks that share the tiny one's weights while training.

    Source: Cai et al., Network Augmentation for Tiny Deep Learning, ICLR 2022. The defaults are its
    settings for MobileNetV2.
    """

    width_multipliers: tuple[Number, ...] = Field(
        (1.0, 1.8, 2.6),
        description="Widths to draw from, relative to the deployed network; 1.0 first.",
    )
    expand_multipliers: tuple[Number, ...] = Field(
        (1.0, 1.6, 2.2, 2.8),
        description="Expansion ratios to draw from, relative to the deployed network; 1.0 first.",
    )
    alpha: Number = Field(
        1.0, gt=0.0, le=10.0, description="Weight of the augmented network's loss."
    )
    width_until: Number = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Fraction of the epochs after warm-up at which width augmentation stops; "
        "expansion goes on to the end.",
    )
    sort_channels: StrictBool = Field(
        True,
        description="Before each epoch with width augmentation, move each block's most important "
        "channels into the tiny network.",
    )
    calibration_images: Count = Field(
        16_000,
        ge=32,
        le=1_000_000,
        description="Training images that re-estimate batch normalisation before each evaluation.",
    )

    @field_validator("width_multipliers", "expand_multipliers")
    @classmethod
    def _multipliers_grow_from_one(
        cls, multipliers: tuple[float, ...], info: ValidationInfo
    ) -> tuple[float, ...]:
        if not 1 <= len(multipliers) <= MAX_MULTIPLIERS:
            raise PydanticCustomError(
                "multipliers_count",
                "give 1 to {most} numbers; got {count}",
                {"most": MAX_MULTIPLIERS, "count": len(multipliers)},
            )
        if multipliers[0] != 1.0:
            raise PydanticCustomError(
                "multipliers_start",
                "{field} must start with 1.0, the network you deploy; got {first}",
                {"field": info.field_name, "first": multipliers[0]},
            )
        grows = all(low < high for low, high in itertools.pairwise(multipliers))
        if not grows or multipliers[-1] > MAX_MULTIPLIER:
            raise PydanticCustomError(
                "multipliers_grow",
                "{field} must grow from 1.0 to at most {most}",
                {"field": info.field_name, "most": MAX_MULTIPLIER},
            )
        return multipliers


class TrainingSpec(Section):
    """SGD with Nesterov momentum; the rate warms up linearly, then falls by a cosine to zero."""

    epochs: Count = Field(ge=1, le=10_000, description="Epochs in all, warm-up included.")
    warmup_epochs: Count = Field(0, ge=0, le=1_000, description="Epochs of linear warm-up.")
    learning_rate: Number = Field(
        0.05, gt=0.0, le=100.0, description="The rate at the end of warm-up."
    )
    warmup_start: Number = Field(
        0.0625, ge=0.0, le=1.0, description="Warm-up starts at this fraction of learning_rate."
    )
    momentum: Number = Field(0.9, gt=0.0, lt=1.0)
    weight_decay: Number = Field(
        4e-5, ge=0.0, le=1.0, description="Not applied to normalisation and biases."
    )
    label_smoothing: Number = Field(0.1, ge=0.0, lt=1.0)
    seed: Count = Field(0, ge=0, lt=2**31)
    checkpoint_interval_seconds: Number = Field(
        60.0, ge=0.0, le=3600.0, description="Least time between two checkpoints; 0: every step."
    )

    @field_validator("warmup_epochs")
    @classmethod
    def _warmup_leaves_epochs(cls, warmup_epochs: int, info: ValidationInfo) -> int:
        epochs = info.data.get("epochs")
        if epochs is not None and warmup_epochs >= epochs:
            raise PydanticCustomError(
                "warmup_too_long",
                "warmup_epochs must be below epochs, which is {epochs}",
                {"epochs": epochs},
            )
        return warmup_epochs


class ResourceSpec(Section):
    """What the job may use."""

    gpus: Count | None = Field(
        None, ge=0, le=64, description="GPUs to use. Null: one if the worker has one, else the CPU."
    )
    time_limit_seconds: Count = Field(
        86_400, ge=10, le=30 * 86_400, description="Training time over all attempts."
    )
    max_attempts: Count = Field(
        3, ge=1, le=20, description="How often the job may be started when machines are lost."
    )
    retry_exit_codes: tuple[Annotated[int, Field(strict=True, ge=1, le=255)], ...] = Field(
        (),
        max_length=16,
        description="Exit codes of the trainer that also count as a lost machine.",
    )
    priority: Count = Field(0, ge=-100, le=100, description="Higher starts first.")


class JobSpec(Section):
    """A training job."""

    name: Name = Field("job", description="For people; need not be unique.")
    tags: tuple[Tag, ...] = Field((), max_length=20)
    task: Literal["classification"] = "classification"
    model: ModelSpec
    data: DataSpec
    augment: AugmentSpec | None = Field(
        default_factory=AugmentSpec,
        description="Network Augmentation; null trains the plain network, the baseline.",
    )
    training: TrainingSpec
    resources: ResourceSpec = Field(default_factory=ResourceSpec)

    def canonical_json(self) -> str:
        """The spec with every default filled in, as the database and the trainer keep it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def load_document(text: str) -> object:
    """Parse the YAML or JSON of a job file.

    Raises:
        ValueError: the text is neither.
    """
    with contextlib.suppress(json.JSONDecodeError):
        return json.loads(text)  # first: YAML 1.1 takes JSON's 4e-05 for a string
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML or JSON: {error}") from error


def load_spec(path: Path) -> JobSpec:
    """Read a job file.

    Raises:
        ValueError: the text is not YAML, or not a valid spec (then a pydantic ValidationError).
    """
    return JobSpec.model_validate(load_document(path.read_text(encoding="utf-8")))
