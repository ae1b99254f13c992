"""What a spec can say of the microcontroller."""

from typing import Any

import pytest
from pydantic import ValidationError

from netaug_core import boards
from netaug_core.sections.target import Limits, TargetSpec


def test_a_board_brings_its_numbers() -> None:
    board = boards.find("stm32f746g-disco")

    assert TargetSpec(board=board.name).limits() == Limits(
        board=board.name,
        core="cortex-m7",
        clock_mhz=216,
        sram_bytes=320 * 1024,
        flash_bytes=1024 * 1024,
        max_macs=None,
    )


def test_numbers_go_before_the_boards() -> None:
    target = TargetSpec(board="nrf52840-dk", sram_bytes=100_000, max_macs=5, core="cortex-m33")

    limits = target.limits()

    assert (limits.sram_bytes, limits.flash_bytes) == (100_000, 1024 * 1024)
    assert (limits.max_macs, limits.core) == (5, "cortex-m33")


def test_numbers_alone_are_a_target() -> None:
    assert TargetSpec(flash_bytes=1000).limits() == Limits(None, None, None, None, 1000, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "target limits nothing"),
        ({"core": "cortex-m7"}, "target limits nothing"),
        ({"board": "stm32f746"}, "similar are stm32f746g-disco"),
        ({"sram_bytes": 0}, "greater than or equal to 1"),
        ({"sram_bytes": "64K"}, "valid integer"),
        ({"board": "nrf52840-dk", "core": "z80"}, "cortex-m4f"),
        ({"board": "nrf52840-dk", "ram": 1}, "Extra inputs"),
    ],
)
def test_a_wrong_target_is_refused_with_what_to_do(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TargetSpec.model_validate(given)
