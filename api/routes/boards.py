"""Boards that a network can be meant for."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages
from api.auth import Reader
from api.schemas.deployment import BoardList, BoardView
from netaug_core.boards import BOARDS

router = APIRouter(prefix="/v1/boards", tags=["boards"])


@router.get("", operation_id="list_boards", response_model=BoardList, responses=answers.errors())
def list_boards(_who: Reader, _query: Annotated[pages.NoQuery, Query()]) -> Response:
    """The boards that a spec's `target` can name, with their makers' numbers."""
    return answers.answer(BoardList(items=[BoardView.of(board) for board in BOARDS]))
