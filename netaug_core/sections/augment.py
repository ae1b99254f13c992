"""The `augment` section: Network Augmentation as data."""

import itertools

from pydantic import Field, StrictBool, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from netaug_core.sections.fields import Count, Fraction, Number, Section

MAX_MULTIPLIERS = 8
MAX_MULTIPLIER = 8.0  # the paper's widest networks use 3


class AugmentSpec(Section):
    """Network Augmentation: the larger networks that share the tiny one's weights while training.

    Source: Cai et al., Network Augmentation for Tiny Deep Learning, ICLR 2022. The defaults are its
    settings for MobileNetV2. Fractions of the training are of the epochs after warm-up.
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
        1.0, gt=0.0, le=10.0, description="Weight of each augmented network's loss."
    )
    nets_per_step: Count = Field(
        1,
        ge=1,
        le=8,
        description="Augmented networks drawn in a step. The paper: more than 1 hurt.",
    )
    start: Fraction = Field(
        0.0, description="Fraction of the training at which augmentation begins; 0: at once."
    )
    width_until: Fraction = Field(
        0.5, description="Fraction of the training at which width augmentation stops."
    )
    expand_until: Fraction = Field(
        1.0, description="Fraction of the training at which expansion augmentation stops."
    )
    every: Count = Field(
        1, ge=1, le=1000, description="An augmented pass only in every k-th step of an epoch."
    )
    probability: Number = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Chance of an augmented pass in a step. Its weight stays alpha.",
    )
    batch_fraction: Number = Field(
        1.0, gt=0.0, le=1.0, description="Part of the batch that the augmented pass sees."
    )
    input_scale: Number = Field(
        1.0, ge=0.25, le=1.0, description="Side of the augmented pass's input, relative."
    )
    sort_channels: StrictBool = Field(
        True,
        description="Before each epoch with width augmentation, move each block's most important "
        "channels into the tiny network.",
    )
    sort_momentum: StrictBool = Field(
        True,
        description="Move a channel's momentum with it. The reference code leaves it behind: false "
        "does as it does.",
    )
    sample_per_device: StrictBool = Field(
        False, description="On several devices, draw another augmented network on each."
    )
    distill: Number = Field(
        0.0,
        ge=0.0,
        le=10.0,
        description="Weight of in-place distillation: the tiny network also learns from the "
        "augmented one's outputs. Needs one augmented network a step.",
    )
    distill_temperature: Number = Field(1.0, gt=0.0, le=100.0)
    project_gradient: StrictBool = Field(
        False,
        description="Drop the part of the augmented gradient that points against the base gradient "
        "(PCGrad, Yu et al. 2020).",
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

    @model_validator(mode="after")
    def _something_is_augmented(self) -> "AugmentSpec":
        if len(self.width_multipliers) == len(self.expand_multipliers) == 1:
            raise PydanticCustomError(
                "nothing_to_augment",
                "width_multipliers and expand_multipliers hold 1.0 alone: nothing is augmented; "
                "add a multiplier, or set augment to null",
                {},
            )
        if self.start >= max(self.width_until, self.expand_until):
            raise PydanticCustomError(
                "augmentation_never",
                "start {start} is not before width_until or expand_until: nothing is ever "
                "augmented; lower start, or set augment to null",
                {"start": self.start},
            )
        return self

    @model_validator(mode="after")
    def _distillation_has_one_teacher(self) -> "AugmentSpec":
        if self.distill and self.nets_per_step > 1:
            raise PydanticCustomError(
                "distill_from_many",
                "distill needs nets_per_step 1; got {count}",
                {"count": self.nets_per_step},
            )
        return self
