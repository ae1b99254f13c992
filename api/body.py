"""A JSON body, read once, bounded in size and time; the models parse its bytes."""

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from api.problems import MEDIA, TOO_LARGE, TOO_SLOW, ApiProblem
from netaug_core.spec import MAX_SPEC_BYTES

BODY_TIMEOUT_S = 30.0
CLOSE = {"Connection": "close"}  # the rest of the body is not read


async def _body(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiProblem(
            MEDIA, f"send `Content-Type: application/json`; got {media_type[:100] or 'none'}"
        )
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _read(request)
    except TimeoutError as error:
        detail = f"the body must come within {BODY_TIMEOUT_S:.0f} seconds"
        raise ApiProblem(TOO_SLOW, detail, headers=CLOSE) from error


async def _read(request: Request) -> bytes:
    read = bytearray()
    async for block in request.stream():
        read += block
        if len(read) > MAX_SPEC_BYTES:
            raise too_large()
    return bytes(read)


def too_large() -> ApiProblem:
    return ApiProblem(
        TOO_LARGE,
        f"a body may have {MAX_SPEC_BYTES} bytes; name large data instead of sending it",
        headers=CLOSE,
    )


JsonBody = Annotated[bytes, Depends(_body)]
