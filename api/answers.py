"""Answers as bytes, serialised once, with the headers that polling needs."""

from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from api import problems

JSON = "application/json"


def answer(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(by_alias=True), status, headers, JSON)


def errors(*kinds: problems.Kind) -> dict[int | str, dict[str, Any]]:
    """The error answers of an operation, for its OpenAPI description."""
    always = (problems.UNAUTHENTICATED, problems.FORBIDDEN, problems.INVALID, problems.TOO_MANY)
    return documented(*always, problems.UNAVAILABLE, *kinds)


def documented(*kinds: problems.Kind) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        example = {
            **{"type": kind.uri, "title": kind.title, "status": kind.status},
            **{"detail": kind.title, "instance": "/v1/...", "request_id": "req_0199f1e6c2f4"},
        }
        entry = by_status.setdefault(
            kind.status,
            {
                "description": kind.title,
                "content": {
                    problems.MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        entry["content"][problems.MEDIA_TYPE]["examples"][kind.slug] = {"value": example}
    return by_status


def matches(request: Request, etag: str) -> bool:
    """Whether If-None-Match names this entity tag (RFC 9110, weak comparison)."""
    given = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag in tags or tags == ["*"]
