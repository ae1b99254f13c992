"""The emulated boards: ARM's FPGA images, as QEMU has them.

Source of addresses and clocks: ARM's application notes AN385, AN386, AN500 and AN547, and QEMU's
hw/arm/mps2.c and hw/arm/armv7m.c.
"""

from dataclasses import dataclass
from typing import Literal

BoardName = Literal["mps2-an385", "mps2-an386", "mps2-an500", "mps3-an547"]
MIB = 1 << 20


@dataclass(frozen=True)
class Memory:
    origin: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board.

    Attributes:
        name: QEMU's.
        core: ARM's name of the processor.
        flags: for the compiler.
        code, data: where program and constants lie, and variables and stack. Vectors are at 0.
        clock_hz: of SysTick.
    """

    name: BoardName
    core: str
    flags: tuple[str, ...]
    code: Memory
    data: Memory
    clock_hz: int


_MPS2_CODE = Memory(0x2100_0000, 16 * MIB)  # PSRAM: large enough for any network here
_MPS2_DATA = Memory(0x2000_0000, 4 * MIB)
_MPS2_CLOCK_HZ = 25_000_000

BOARDS: dict[BoardName, Board] = {
    board.name: board
    for board in (
        Board(
            name="mps2-an385",
            core="Cortex-M3",
            flags=("-mcpu=cortex-m3", "-mfloat-abi=soft"),
            code=_MPS2_CODE,
            data=_MPS2_DATA,
            clock_hz=_MPS2_CLOCK_HZ,
        ),
        Board(
            name="mps2-an386",
            core="Cortex-M4",
            flags=("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
            code=_MPS2_CODE,
            data=_MPS2_DATA,
            clock_hz=_MPS2_CLOCK_HZ,
        ),
        Board(
            name="mps2-an500",
            core="Cortex-M7",
            flags=("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
            code=Memory(0x6000_0000, 16 * MIB),
            data=_MPS2_DATA,
            clock_hz=_MPS2_CLOCK_HZ,
        ),
        Board(
            name="mps3-an547",
            core="Cortex-M55",
            flags=("-mcpu=cortex-m55", "-mfloat-abi=hard"),
            code=Memory(0x6000_0000, 256 * MIB),
            data=Memory(0x2100_0000, 4 * MIB),
            clock_hz=32_000_000,
        ),
    )
}
