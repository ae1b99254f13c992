"""A JSON body, read once and bounded; the models parse its bytes."""

from typing import Annotated

from fastapi import Depends, Request

from api.problems import MEDIA, TOO_LARGE, ApiProblem
from netaug_core.spec import MAX_SPEC_BYTES


async def _body(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiProblem(
            MEDIA, f"send `Content-Type: application/json`; got {media_type[:100] or 'none'}"
        )
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
        headers={"Connection": "close"},
    )


JsonBody = Annotated[bytes, Depends(_body)]
