"""Opaque cursors, and the Link header to the next page."""

import base64
import binascii
import json
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from api.problems import INVALID, ApiProblem, FieldProblem

DEFAULT_LIMIT = 50
MOST = 200
MOST_POINTS = 1000

Cursor = Annotated[str | None, Field(max_length=200, description="`next_cursor` of a page.")]


class NoQuery(BaseModel):
    """For routes that take no query parameter: an unknown one is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(NoQuery):
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MOST)
    cursor: Cursor = None


def encode(*position: int | str) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type) -> list[int | str] | None:
    """The position in a cursor.

    Raises:
        ApiProblem: it is not one that this API has given out.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, binascii.Error, UnicodeError, RecursionError):
        position = None
    if not _is_position(position, kinds):
        detail = "cursor: this is no cursor of this list; use `next_cursor` of its last page"
        raise ApiProblem(INVALID, detail, errors=[FieldProblem(pointer="/cursor", detail=detail)])
    assert isinstance(position, list)  # noqa: S101  # just seen
    return position


def _is_position(position: object, kinds: tuple[type, ...]) -> bool:
    if not isinstance(position, list) or [type(part) for part in position] != list(kinds):
        return False
    return all(
        0 <= part < 2**63 if isinstance(part, int) else str(part).isprintable() for part in position
    )


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The header that names the next page (RFC 8288)."""
    if cursor is None:
        return {}
    return {"Link": f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'}
