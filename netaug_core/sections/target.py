"""The `target` section: the microcontroller that the network is for."""

from dataclasses import dataclass, replace

from pydantic import Field, StrictBool, field_validator, model_validator
from pydantic_core import PydanticCustomError

from netaug_core import boards
from netaug_core.boards import Core, UnknownBoard
from netaug_core.sections.fields import Count, Section

MOST_BYTES = 1 << 32  # what 32 bits address
MOST_MACS = 10**15


@dataclass(frozen=True)
class Limits:
    """What a device has; None: not limited, or not known."""

    board: str | None
    core: Core | None
    clock_mhz: int | None
    sram_bytes: int | None
    flash_bytes: int | None
    max_macs: int | None


class TargetSpec(Section):
    """The microcontroller that the network must fit: a board of the catalogue, or its numbers."""

    board: str | None = Field(
        None,
        description="A board of `netaug boards list`; numbers given here go before its own.",
        examples=["stm32f746g-disco"],
    )
    sram_bytes: Count | None = Field(
        None,
        ge=1,
        le=MOST_BYTES,
        description="Memory in one piece, for activations, stack and all other variables.",
    )
    flash_bytes: Count | None = Field(
        None, ge=1, le=MOST_BYTES, description="Memory for weights and code."
    )
    max_macs: Count | None = Field(
        None, ge=1, le=MOST_MACS, description="Most multiply-accumulates for one image."
    )
    core: Core | None = Field(
        None, description="The processor; for what is built, it decides nothing about fitting."
    )
    enforce: StrictBool = Field(
        True, description="Refuse the job if its network does not fit; false: only tell."
    )

    @field_validator("board")
    @classmethod
    def _board_exists(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                boards.find(name)
            except UnknownBoard as error:
                raise PydanticCustomError(
                    "unknown_board", "{sentence}", {"sentence": str(error)}
                ) from error
        return name

    @model_validator(mode="after")
    def _something_is_limited(self) -> "TargetSpec":
        if not {self.board, self.sram_bytes, self.flash_bytes, self.max_macs} - {None}:
            raise PydanticCustomError(
                "target_of_nothing",
                "target limits nothing: name a board, or give sram_bytes, flash_bytes or max_macs",
                {},
            )
        return self

    def limits(self) -> Limits:
        """The board's numbers, and those given in their place."""
        given = Limits(
            self.board, self.core, None, self.sram_bytes, self.flash_bytes, self.max_macs
        )
        if self.board is None:
            return given
        board = boards.find(self.board)
        return replace(
            given,
            core=self.core or board.core,
            clock_mhz=board.clock_mhz,
            sram_bytes=self.sram_bytes or board.sram_bytes,
            flash_bytes=self.flash_bytes or board.flash_bytes,
        )
