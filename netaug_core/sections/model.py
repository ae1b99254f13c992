"""The `model` section: which tiny network."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from netaug_core.architectures import FAMILIES, FIXED_WIDTH, Architecture, ModelOptions
from netaug_core.sections.fields import Count, Number, Probability, Section


class ModelSpec(Section):
    """The tiny network. Its number of classes and input channels come from the dataset."""

    name: str = Field(
        description=f"Network family: {', '.join(sorted(FAMILIES))}.", examples=["mobilenet_v2"]
    )
    width: Number = Field(
        0.35, ge=0.1, le=4.0, description="Width multiplier of the deployed network."
    )
    input_size: Count = Field(160, ge=8, le=1024, description="Side of the square input, pixels.")
    stem_stride: Literal[1, 2] = Field(
        2, description="Stride of the first convolution: 1 keeps detail of inputs under 64 pixels."
    )
    dropout: Probability = Field(0.0, description="Dropout before the classifier.")

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
