"""The `quantization` section: how the trained network becomes 8-bit integers."""

from typing import Literal

from pydantic import Field

from netaug_core.sections.fields import Count, Number, Section


class QuantizationSpec(Section):
    """Weights in 8 bits for each channel, activations for each tensor (docs/quantization.md)."""

    ranges: Literal["min_max", "percentile", "mse"] = Field(
        "mse",
        description="What of an activation's values 8 bits are spent on. min_max: all. percentile: "
        "all but a ten-thousandth at each end. mse: what errs least, squared and summed.",
    )
    calibration_images: Count = Field(
        256,
        ge=16,
        le=16_384,
        description="Training pictures, as they are, on which the values are seen.",
    )
    aware_epochs: Count = Field(
        0,
        ge=0,
        le=1_000,
        description="Epochs of quantisation-aware fine-tuning after the training; 0: none.",
    )
    aware_learning_rate: Number = Field(
        0.001, gt=0.0, le=10.0, description="Its rate at first; it falls by a cosine to zero."
    )
