"""The `model` section: which tiny network."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.registry import FAMILIES
from netaug_core.sections.fields import Count, Number, Probability, Section
from netaug_core.sections.network import NetworkSpec

CUSTOM = "custom"
NAMES = (*sorted(FAMILIES), CUSTOM)
STEM_STRIDE: Literal[2] = 2


def family_width(values: dict[str, Any]) -> float:
    """The width of a spec that gives none."""
    family = FAMILIES.get(values.get("name", CUSTOM))
    return 1.0 if family is None else family.width


class ModelSpec(Section):
    """The tiny network. Its number of classes and input channels come from the dataset."""

    name: str = Field(
        description=f"Network family: {', '.join(sorted(FAMILIES))}; or {CUSTOM}, your own.",
        examples=["mobilenet_v2"],
    )
    width: Number = Field(
        default_factory=family_width,
        ge=0.1,
        le=4.0,
        description="Width multiplier of the deployed network. Left out: 0.35, but 1.0 for "
        "resnet18 and resnet50. Some families have one width only.",
    )
    input_size: Count = Field(160, ge=8, le=1024, description="Side of the square input, pixels.")
    stem_stride: Literal[1, 2] = Field(
        STEM_STRIDE,
        description="Stride of the first convolution: 1 keeps detail of inputs under 64 pixels.",
    )
    dropout: Probability = Field(0.0, description="Dropout before the classifier.")
    drop_path: Probability = Field(
        0.0,
        description="Stochastic depth (Huang et al. 2016): in training, the chance that an image "
        "passes the last block with a shortcut by the shortcut alone; of earlier ones less, "
        "linearly from 0. In base and augmented passes alike.",
    )
    drop_block: Probability = Field(
        0.0,
        description="DropBlock (Ghiasi et al. 2018): in training, the share of activations dropped "
        "in squares after each convolution and in each shortcut of the blocks of the last "
        "resolution; a quarter of it at the resolution before. Epoch e of n has e / n of it. In "
        "base and augmented passes alike.",
    )
    drop_block_size: Count = Field(
        5,
        ge=1,
        le=63,
        description="Side of DropBlock's squares in pixels of a feature map, an odd number; at "
        "most the side of the last block's map. 1: single activations.",
    )
    network: NetworkSpec | None = Field(
        None, description=f"The table of your own network; with the name {CUSTOM} only."
    )

    @field_validator("name")
    @classmethod
    def _family_exists(cls, name: str) -> str:
        if name not in NAMES:
            raise PydanticCustomError(
                "unknown_model",
                "there is no such model; choose one of {choices}",
                {"choices": ", ".join(NAMES)},
            )
        return name

    @field_validator("drop_block_size")
    @classmethod
    def _squares_have_a_centre(cls, size: int) -> int:
        if size % 2 == 0:
            raise PydanticCustomError(
                "even_drop_block_size",
                "drop_block_size must be odd; use {less} or {more}",
                {"less": size - 1, "more": size + 1},
            )
        return size

    @field_validator("width")
    @classmethod
    def _width_fits_family(cls, width: float, info: ValidationInfo) -> float:
        name = info.data.get("name", "mobilenet_v2")
        fixed = family_width(info.data)
        if width != fixed and (name == CUSTOM or FAMILIES[name].is_fixed):
            raise PydanticCustomError(
                "fixed_width",
                "{name} has the fixed width {fixed}; leave width out{remedy}",
                {
                    "name": name,
                    "fixed": fixed,
                    "remedy": " and write the channels into network"
                    if name == CUSTOM
                    else ", or use mobilenet_v2",
                },
            )
        return width

    @model_validator(mode="after")
    def _own_network_is_whole(self) -> "ModelSpec":
        if (self.name == CUSTOM) != (self.network is not None):
            raise PydanticCustomError(
                "own_network",
                "network and the name custom go together; got the name {name} {how} network",
                {"name": self.name, "how": "without a" if self.network is None else "with a"},
            )
        if self.name == CUSTOM and self.stem_stride != STEM_STRIDE:
            raise PydanticCustomError(
                "own_stem_stride",
                "the stem of your own network is in network.stem; leave stem_stride out, and set "
                "network.stem.stride to {stride}",
                {"stride": self.stem_stride},
            )
        return self

    def architecture(self, *, num_classes: int, in_channels: int) -> Architecture:
        """The network's table for a dataset with these classes and image channels."""
        options = ModelOptions(
            num_classes=num_classes,
            in_channels=in_channels,
            width=self.width,
            stem_stride=self.stem_stride,
            dropout=self.dropout,
        )
        if self.network is not None:
            return self.network.architecture(self.name, options)
        return FAMILIES[self.name].build(options)
