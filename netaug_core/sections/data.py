"""The `data` section: which images, how they are split, and how training images are varied."""

from typing import Literal

from pydantic import Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from netaug_core.sections.fields import Count, DatasetName, Number, Section


class RandAugmentSpec(Section):
    """RandAugment (Cubuk et al. 2019): a few random operations of one magnitude each."""

    num_ops: Count = Field(2, ge=1, le=8, description="Operations applied to each image.")
    magnitude: Count = Field(9, ge=0, le=30, description="Strength of each, of 31 levels.")


class PreparationSpec(Section):
    """Training pictures are made small once; random crops are cut from what came out."""

    short_side: Count = Field(
        ge=8,
        le=2048,
        description="Their short side in pixels; smaller pictures stay as they are. Crops of less "
        "than the input's size are enlarged, so a small number blurs.",
        examples=[192],
    )
    format: Literal["raw", "jpeg"] = Field(
        "raw", description="jpeg takes a tenth of the memory, costs time and a little detail."
    )


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
    batch_size: Count = Field(
        128, ge=2, le=4096, description="Images of one step, over all devices together."
    )
    preparation: PreparationSpec | None = Field(
        None,
        description="Of an ImageFolder's training pictures, for crop resized: a shortcut that an "
        "image cache makes fast. Null: crops are cut from the files themselves.",
    )
    crop: Literal["none", "padded", "resized"] = Field(
        "padded",
        description="padded: shift by up to an eighth of the side. resized: a random area and "
        "aspect, as for ImageNet. none: the whole image.",
    )
    horizontal_flip: StrictBool = Field(False, description="Mirror half of the training images.")
    brightness: Number = Field(0.0, ge=0.0, le=1.0, description="Brightness jitter, 0 is none.")
    saturation: Number = Field(0.0, ge=0.0, le=1.0, description="Saturation jitter, 0 is none.")
    auto_augment: Literal["imagenet", "cifar10", "svhn"] | None = Field(
        None, description="AutoAugment policy (Cubuk et al. 2018) learnt on that dataset."
    )
    rand_augment: RandAugmentSpec | None = Field(
        None, description="RandAugment; excludes auto_augment."
    )
    mixup: Number = Field(
        0.0,
        ge=0.0,
        le=10.0,
        description="Mixup (Zhang et al. 2018): alpha of the Beta distribution, 0 is none.",
    )
    cutmix: Number = Field(
        0.0,
        ge=0.0,
        le=10.0,
        description="CutMix (Yun et al. 2019): alpha of the Beta distribution, 0 is none. With "
        "mixup too, each batch takes one of the two by turns of a coin.",
    )

    @model_validator(mode="after")
    def _one_policy(self) -> "DataSpec":
        if self.auto_augment is not None and self.rand_augment is not None:
            raise PydanticCustomError(
                "two_policies",
                "auto_augment and rand_augment exclude each other; set one of them to null",
                {},
            )
        return self
