"""Boards, and what a network takes on one."""

from typing import Self

from pydantic import BaseModel, Field

from netaug_core.boards import Board, Core
from netaug_core.deployment.remedies import Change
from netaug_core.deployment.shortfalls import Resource
from netaug_core.deployment.verdicts import Report


class BoardView(BaseModel):
    """A board that a network can be meant for."""

    name: str
    title: str
    core: Core
    clock_mhz: int
    sram_bytes: int = Field(description="The largest on-chip memory that lies in one piece.")
    flash_bytes: int
    source: str = Field(description="Where the maker says so.")

    @classmethod
    def of(cls, board: Board) -> Self:
        return cls(**vars(board))


class BoardList(BaseModel):
    items: list[BoardView]


class NeedsView(BaseModel):
    """What a network needs of a device, allowances included."""

    sram_bytes: int
    flash_bytes: int
    macs: int = Field(description="Multiply-accumulates for one image.")


class LayerView(BaseModel):
    """One operation, and what it makes."""

    name: str
    kind: str
    height: int
    width: int
    channels: int
    params: int
    macs: int
    flash_bytes: int = Field(description="Weights, biases and scales.")
    alive_bytes: int = Field(description="Of all tensors in memory while it runs.")


class LimitsView(BaseModel):
    """What the target has; null: not limited."""

    board: str | None
    core: Core | None
    clock_mhz: int | None
    sram_bytes: int | None
    flash_bytes: int | None
    max_macs: int | None


class ShortfallView(BaseModel):
    """The target has too little of something."""

    resource: Resource
    needed: int
    available: int


class RemedyView(BaseModel):
    """Changes of the spec with which the network fits, as it then is."""

    changes: dict[str, Change]
    needs: NeedsView


class VerdictView(BaseModel):
    """Whether the network fits its target, and what would make it fit."""

    limits: LimitsView
    fits: bool
    shortfalls: list[ShortfallView]
    remedies: list[RemedyView] = Field(description="Each is enough.")
    boards: list[str] = Field(description="The smallest that hold the network as it is.")
    explanation: str | None = Field(description="Null if it fits.")


class ProfileView(BaseModel):
    """What a network takes on a device in 8-bit integers."""

    input_size: int
    in_channels: int
    num_classes: int
    params: int = Field(description="Weights and biases, batch normalisation included.")
    arena_bytes: int = Field(description="The block that holds all activations, as planned.")
    lower_bound_bytes: int = Field(description="No such block can be smaller.")
    peak_layer: str = Field(description="The operation at that bound.")
    stack_bytes: int = Field(description="Allowed for the stack, beside the arena.")
    code_bytes: int = Field(description="Allowed for code, beside the weights.")
    needs: NeedsView
    layers: list[LayerView]
    verdict: VerdictView | None = Field(description="Null without a target.")

    @classmethod
    def of(cls, report: Report) -> Self:
        return cls.model_validate(report.facts())
