"""Byte ranges (RFC 9110, section 14): one range a request; other forms get the whole file."""

import re

from fastapi import Request

from api.problems import RANGE, ApiProblem

SINGLE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def requested(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """The bytes asked for, first and one past the last; None: all of them.

    Raises:
        ApiProblem: the file has no such bytes.
    """
    match = SINGLE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if (not first and not last) or (first and last and int(last) < int(first)):
        return None  # not a range
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= end:
        raise ApiProblem(
            RANGE,
            f"range: the file has {size} bytes, numbered from 0; got {match.group(0)!r}",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
