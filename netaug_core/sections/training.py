"""The `training` section: how the weights are found, and what they start from."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from netaug_core.datasets import MAX_NAME_LENGTH, NAME_PATTERN
from netaug_core.sections.fields import Count, Fraction, Number, Probability, Section

_REFERENCE = re.compile(rf"job_[0-9a-z-]{{1,60}}|{NAME_PATTERN.pattern}\.safetensors")
_PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar")


def _names_weights(reference: str) -> str:
    if _REFERENCE.fullmatch(reference) is not None and len(reference) <= MAX_NAME_LENGTH:
        return reference
    if reference.lower().endswith(_PICKLE_SUFFIXES):
        raise PydanticCustomError(
            "pickled_weights",
            "a {suffix} file is a pickle, which can run any program when it is opened, so none is "
            "read; save its tensors with safetensors.torch.save_file and name that .safetensors "
            "file below a data root, or give a finished job's id (job_...)",
            {"suffix": f".{reference.rpartition('.')[2]}"},
        )
    raise PydanticCustomError(
        "no_weights_reference",
        "give a finished job's id (job_...), or the path of a .safetensors file below a data root, "
        "for example imagenet/model.safetensors: at most {most} letters, digits, dots, dashes and "
        "underscores, no part that starts with a dot",
        {"most": MAX_NAME_LENGTH},
    )


# A finished job's id, or a .safetensors file below a data root.
Weights = Annotated[
    str,
    AfterValidator(_names_weights),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_REFERENCE.pattern})$",
            "maxLength": MAX_NAME_LENGTH,
        }
    ),
]
WEIGHTS_DESCRIPTION = (
    "A finished job's id, or the path of a model.safetensors of this platform below the data root."
)


class PretrainedSpec(Section):
    """What the tiny network starts from. Every tensor must fit; nothing is skipped in silence."""

    weights: Weights = Field(description=WEIGHTS_DESCRIPTION)
    head: Literal["new", "keep"] = Field(
        "new",
        description="new: the classifier starts anew, for other classes. keep: it is taken over.",
    )


class DistillationSpec(Section):
    """Knowledge distillation (Hinton et al. 2015): the tiny net also learns a teacher's outputs.

    Loss: (1 - weight) * cross-entropy + weight * temperature^2 * KL(teacher || student), for the
    base network and the augmented ones alike.
    """

    teacher: Weights = Field(description=WEIGHTS_DESCRIPTION)
    temperature: Number = Field(4.0, gt=0.0, le=100.0)
    weight: Number = Field(0.5, gt=0.0, le=1.0)


class TrainingSpec(Section):
    """SGD with Nesterov momentum; the rate warms up linearly, then falls by a cosine to zero."""

    epochs: Count = Field(ge=1, le=10_000, description="Epochs in all, warm-up included.")
    warmup_epochs: Count = Field(0, ge=0, le=1_000, description="Epochs of linear warm-up.")
    learning_rate: Number = Field(
        0.05, gt=0.0, le=100.0, description="The rate at the end of warm-up."
    )
    warmup_start: Fraction = Field(
        0.0625, description="Warm-up starts at this fraction of learning_rate."
    )
    momentum: Number = Field(0.9, gt=0.0, lt=1.0)
    weight_decay: Number = Field(
        4e-5, ge=0.0, le=1.0, description="Not applied to normalisation and biases."
    )
    label_smoothing: Probability = 0.1
    ema_decay: Probability = Field(
        0.0,
        description="Deploy an exponential moving average of the weights, of this decay a step; "
        "0: the weights themselves.",
    )
    initialisation: Literal["kaiming_uniform", "kaiming_fan_out"] = Field(
        "kaiming_uniform",
        description="Of convolutions. kaiming_uniform is NetAug's; kaiming_fan_out is what the "
        "reference code gives its plain baseline.",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Of the forward and backward pass; weights stay float32."
    )
    batch_norm: Literal["per_device", "all_devices"] = Field(
        "per_device",
        description="Over which images batch normalisation takes its statistics while training.",
    )
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
