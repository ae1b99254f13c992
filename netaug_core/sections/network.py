"""The `model.network` section: a user's own network, as a table of layers and blocks.

Channels are chained: each layer takes what the one before it gives.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, field_validator, model_validator
from pydantic_core import PydanticCustomError

from netaug_core import vocabulary
from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.sections.fields import Section
from netaug_core.vocabulary import Activation

MAX_BLOCKS = 200
MAX_CHANNELS = 16_384  # ResNet-50 at width 4 has 8,192

Channels = Annotated[int, Field(strict=True, ge=1, le=MAX_CHANNELS)]
Kernel: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=15)]
Stride: TypeAlias = Literal[1, 2]
TYPES: dict[type[vocabulary.Block], str] = {
    vocabulary.SeparableBlock: "separable",
    vocabulary.InvertedBlock: "inverted",
    vocabulary.BasicBlock: "basic",
    vocabulary.BottleneckBlock: "bottleneck",
}


class _Kernelled(Section):
    kernel: Kernel = Field(3, description="Side of the window, an odd number of pixels.")
    stride: Stride = Field(1, description="2 halves the image.")

    @field_validator("kernel")
    @classmethod
    def _is_odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise PydanticCustomError(
                "even_kernel",
                "kernel must be odd, so that the image stays centred; use {less} or {more}",
                {"less": kernel - 1, "more": kernel + 1},
            )
        return kernel


class ConvSpec(_Kernelled):
    """A convolution, batch normalisation, activation."""

    out_channels: Channels
    activation: Activation = "relu6"
    norm: StrictBool = Field(True, description="Batch normalisation; false: a bias instead.")


class PoolSpec(_Kernelled):
    """Maximum pooling."""

    stride: Stride = 2


class HeadSpec(Section):
    """A 1 x 1 convolution with a bias, after the average over the image."""

    out_channels: Channels
    activation: Activation = "relu6"


class _DepthwiseSpec(_Kernelled):
    out_channels: Channels
    activation: Activation = "relu6"
    squeeze_channels: Channels | None = Field(
        None, description="Middle of squeeze-and-excitation; null: none."
    )
    shortcut: StrictBool | None = Field(
        None, description="Add the input to the output; null: where the shapes allow it."
    )


class SeparableSpec(_DepthwiseSpec):
    """A depthwise convolution, then a linear 1 x 1 one."""

    type: Literal["separable"]


class InvertedSpec(_DepthwiseSpec):
    """1 x 1 expansion, depthwise convolution, linear 1 x 1 projection."""

    type: Literal["inverted"]
    mid_channels: Channels = Field(description="After the expansion.")


class _ResidualSpec(_Kernelled):
    mid_channels: Channels = Field(description="Between the block's convolutions.")
    out_channels: Channels
    activation: Activation = "relu"
    projection: StrictBool | None = Field(
        None, description="A 1 x 1 convolution in the shortcut; null: where the shapes need it."
    )


class BasicSpec(_ResidualSpec):
    """Two convolutions beside a shortcut."""

    type: Literal["basic"]


class BottleneckSpec(_ResidualSpec):
    """1 x 1, k x k and 1 x 1 convolutions beside a shortcut."""

    type: Literal["bottleneck"]


BlockSpec: TypeAlias = Annotated[
    SeparableSpec | InvertedSpec | BasicSpec | BottleneckSpec, Field(discriminator="type")
]


class NetworkSpec(Section):
    """A network: stem, blocks, optional final convolution, average, classifier."""

    stem: ConvSpec
    pool: PoolSpec | None = Field(None, description="After the stem; null: none.")
    blocks: tuple[BlockSpec, ...] = Field(min_length=1, max_length=MAX_BLOCKS)
    final: ConvSpec | None = Field(None, description="After the blocks; null: none.")
    head: HeadSpec | None = Field(None, description="After the average; null: none.")

    @model_validator(mode="after")
    def _shapes_fit(self) -> "NetworkSpec":
        self._blocks()
        return self

    @classmethod
    def of(cls, architecture: Architecture) -> "NetworkSpec":
        """The table of any architecture, with all that a block could leave out."""
        document = asdict(architecture)
        document["blocks"] = [
            {"type": TYPES[type(block)], **table}
            for block, table in zip(architecture.blocks, document["blocks"], strict=True)
        ]
        layers = [document["stem"], document["final"], document["head"], *document["blocks"]]
        for table in layers:
            if table is not None:
                del table["in_channels"]
        if document["head"] is not None:
            head = document["head"]
            document["head"] = {key: head[key] for key in ("out_channels", "activation")}
        return cls.model_validate({name: document[name] for name in cls.model_fields})

    def architecture(self, name: str, options: ModelOptions) -> Architecture:
        """The network for images and classes as `options` say; its width and stride are here."""
        blocks = self._blocks()
        channels = blocks[-1].out_channels
        final = None if self.final is None else _conv(channels, self.final)
        if final is not None:
            channels = final.out_channels
        head = None
        if self.head is not None:
            values = self.head.model_dump()
            head = vocabulary.ConvLayer(in_channels=channels, norm=False, **values)
        return Architecture(
            name=name,
            stem=_conv(options.in_channels, self.stem),
            pool=None if self.pool is None else vocabulary.PoolLayer(**self.pool.model_dump()),
            blocks=tuple(blocks),
            final=final,
            head=head,
            num_classes=options.num_classes,
            dropout=options.dropout,
        )

    def _blocks(self) -> Sequence[vocabulary.Block]:
        channels = self.stem.out_channels
        blocks: list[vocabulary.Block] = []
        for index, spec in enumerate(self.blocks):
            try:
                blocks.append(_block(channels, spec))
            except ValueError as error:
                field = "projection" if isinstance(spec, _ResidualSpec) else "shortcut"
                raise PydanticCustomError(
                    "block_shapes",
                    "blocks.{index}: {reason}; leave {field} out, or change the shapes",
                    {"index": index, "reason": str(error), "field": field},
                ) from error
            channels = blocks[-1].out_channels
        return blocks


def _conv(in_channels: int, spec: ConvSpec) -> vocabulary.ConvLayer:
    return vocabulary.ConvLayer(in_channels=in_channels, **spec.model_dump())


def _block(
    in_channels: int, spec: SeparableSpec | InvertedSpec | BasicSpec | BottleneckSpec
) -> vocabulary.Block:
    fits = spec.stride == 1 and spec.out_channels == in_channels
    values = {"in_channels": in_channels, **spec.model_dump(exclude={"type"})}
    if isinstance(spec, _ResidualSpec):
        values["projection"] = not fits if spec.projection is None else spec.projection
    else:
        values["shortcut"] = fits if spec.shortcut is None else spec.shortcut
    classes = {name: block for block, name in TYPES.items()}
    return classes[spec.type](**values)
