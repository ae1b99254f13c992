"""Boards that a trained network can be meant for, with what their makers say of them. Torch-free.

`sram_bytes` is the largest memory that lies in one piece: an arena is one array.
"""

import difflib
from dataclasses import dataclass
from typing import Literal

Core = Literal[
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m4",
    "cortex-m4f",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "xtensa-lx7",
]
KIB = 1024
MIB = 1024 * KIB
MOST_SHOWN = 100  # characters of a wrong name: comparing letters takes quadratic time
NUM_NEAR = 3


class UnknownBoard(Exception):
    """There is no board of this name."""


@dataclass(frozen=True)
class Board:
    """A board, or a chip's own core on one.

    Attributes:
        clock_mhz: the highest.
        sram_bytes: the largest piece of on-chip memory.
        flash_bytes: non-volatile memory that holds code and weights, on chip or beside it.
        source: where the maker says so; where the memory is in several pieces, which one it is.
    """

    name: str
    title: str
    core: Core
    clock_mhz: int
    sram_bytes: int
    flash_bytes: int
    source: str


BOARDS: tuple[Board, ...] = (
    Board(
        name="ambiq-apollo3-blue-evb",
        title="Ambiq Apollo3 Blue EVB",
        core="cortex-m4f",
        clock_mhz=96,
        sram_bytes=384 * KIB,
        flash_bytes=1 * MIB,
        source="Apollo3 Blue SoC data sheet (Ambiq): 1 MB of flash, 384 KB of RAM, 96 MHz in burst",
    ),
    Board(
        name="ambiq-apollo4-plus-evb",
        title="Ambiq Apollo4 Plus EVB",
        core="cortex-m4f",
        clock_mhz=192,
        sram_bytes=2 * MIB,
        flash_bytes=2 * MIB,
        source="Apollo4 Plus SoC data sheet (Ambiq): 2 MB of MRAM, 2.75 MB of RAM; its two parts "
        "of 384 KB (tightly coupled, extended) are not counted",
    ),
    Board(
        name="arduino-nano-33-ble-sense",
        title="Arduino Nano 33 BLE Sense",
        core="cortex-m4f",
        clock_mhz=64,
        sram_bytes=256 * KIB,
        flash_bytes=1 * MIB,
        source="nRF52840 Product Specification (Nordic); Arduino ABX00031 data sheet",
    ),
    Board(
        name="arduino-nicla-vision",
        title="Arduino Nicla Vision",
        core="cortex-m7",
        clock_mhz=480,
        sram_bytes=512 * KIB,
        flash_bytes=2 * MIB,
        source="STM32H747xI data sheet DS12930 (ST): 1 MB of RAM, of which the 512 KB of AXI SRAM "
        "are one piece; Arduino ABX00051 data sheet",
    ),
    Board(
        name="esp32-s3-devkitc-1",
        title="Espressif ESP32-S3-DevKitC-1 (N8)",
        core="xtensa-lx7",
        clock_mhz=240,
        sram_bytes=416 * KIB,
        flash_bytes=8 * MIB,
        source="ESP32-S3 Technical Reference Manual, System and Memory (Espressif): 512 KB of "
        "SRAM, of which SRAM1, 416 KB, never serves as a cache; ESP32-S3-WROOM-1 data sheet",
    ),
    Board(
        name="max78000-fthr",
        title="Analog Devices MAX78000FTHR, its Cortex-M4 alone",
        core="cortex-m4f",
        clock_mhz=100,
        sram_bytes=128 * KIB,
        flash_bytes=512 * KIB,
        source="MAX78000 data sheet (Analog Devices); the accelerator's memory is not counted",
    ),
    Board(
        name="nrf52840-dk",
        title="Nordic nRF52840 DK",
        core="cortex-m4f",
        clock_mhz=64,
        sram_bytes=256 * KIB,
        flash_bytes=1 * MIB,
        source="nRF52840 Product Specification (Nordic)",
    ),
    Board(
        name="nucleo-f412zg",
        title="ST Nucleo-F412ZG",
        core="cortex-m4f",
        clock_mhz=100,
        sram_bytes=256 * KIB,
        flash_bytes=1 * MIB,
        source="STM32F412xE/G data sheet DS11139 (ST)",
    ),
    Board(
        name="nucleo-f767zi",
        title="ST Nucleo-F767ZI",
        core="cortex-m7",
        clock_mhz=216,
        sram_bytes=512 * KIB,
        flash_bytes=2 * MIB,
        source="STM32F767xx data sheet DS11532 (ST): DTCM, SRAM1 and SRAM2 follow each other",
    ),
    Board(
        name="nucleo-h743zi2",
        title="ST Nucleo-H743ZI2",
        core="cortex-m7",
        clock_mhz=480,
        sram_bytes=512 * KIB,
        flash_bytes=2 * MIB,
        source="STM32H743xI data sheet DS12110 (ST): 1 MB of RAM, of which the 512 KB of AXI SRAM "
        "are one piece",
    ),
    Board(
        name="nucleo-l4r5zi",
        title="ST Nucleo-L4R5ZI",
        core="cortex-m4f",
        clock_mhz=120,
        sram_bytes=640 * KIB,
        flash_bytes=2 * MIB,
        source="STM32L4R5xx data sheet DS12023 (ST)",
    ),
    Board(
        name="raspberry-pi-pico",
        title="Raspberry Pi Pico (RP2040)",
        core="cortex-m0plus",
        clock_mhz=133,
        sram_bytes=264 * KIB,
        flash_bytes=2 * MIB,
        source="RP2040 and Raspberry Pi Pico data sheets (Raspberry Pi)",
    ),
    Board(
        name="raspberry-pi-pico-2",
        title="Raspberry Pi Pico 2 (RP2350)",
        core="cortex-m33",
        clock_mhz=150,
        sram_bytes=520 * KIB,
        flash_bytes=4 * MIB,
        source="RP2350 and Raspberry Pi Pico 2 data sheets (Raspberry Pi)",
    ),
    Board(
        name="stm32f4-discovery",
        title="ST STM32F4DISCOVERY",
        core="cortex-m4f",
        clock_mhz=168,
        sram_bytes=128 * KIB,
        flash_bytes=1 * MIB,
        source="STM32F407xx data sheet DS8626 (ST): 192 KB, of which 64 KB of core coupled memory "
        "are apart",
    ),
    Board(
        name="stm32f746g-disco",
        title="ST STM32F746G-DISCO",
        core="cortex-m7",
        clock_mhz=216,
        sram_bytes=320 * KIB,
        flash_bytes=1 * MIB,
        source="STM32F746xx data sheet DS10916 (ST): DTCM, SRAM1 and SRAM2 follow each other",
    ),
)
BY_NAME = {board.name: board for board in BOARDS}


def find(name: str) -> Board:
    """The board of this name.

    Raises:
        UnknownBoard: there is none; the message names similar ones.
    """
    if name not in BY_NAME:
        given = name[:MOST_SHOWN]
        near = difflib.get_close_matches(given.lower(), BY_NAME, n=NUM_NEAR, cutoff=0.0)
        raise UnknownBoard(
            f"there is no board {given!r}, the most similar are {', '.join(near)}; `netaug boards "
            "list` and `GET /v1/boards` show all, and sram_bytes and flash_bytes describe any other"
        )
    return BY_NAME[name]
