"""The catalogue of boards."""

import re
from typing import get_args

import pytest

from netaug_core import boards
from netaug_core.boards import BOARDS, Board, Core, UnknownBoard


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_board_is_described_with_a_source(board: Board) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", board.name)
    assert board.core in get_args(Core)
    assert 16 <= board.clock_mhz <= 1000
    assert board.sram_bytes % 1024 == board.flash_bytes % 1024 == 0
    assert "data sheet" in board.source or "Specification" in board.source


def test_boards_are_in_order_of_their_names() -> None:
    names = [board.name for board in BOARDS]

    assert names == sorted(set(names))


def test_an_unknown_board_is_told_with_similar_names() -> None:
    with pytest.raises(UnknownBoard, match=r"'STM32F746', .*similar are stm32f746g-disco, "):
        boards.find("STM32F746")


def test_a_long_wrong_name_is_cut() -> None:
    with pytest.raises(UnknownBoard) as told:
        boards.find("x" * 100_000)

    assert len(str(told.value)) < 500
