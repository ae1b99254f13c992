"""What each exception becomes: domain errors by the table in problems.py, and invalid fields."""

import json
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api.problems import (
    BY_STATUS,
    DOMAIN,
    INVALID,
    MALFORMED,
    SHOWN_FIELDS,
    UNAVAILABLE,
    ApiProblem,
    FieldProblem,
    Kind,
    respond,
)
from jobs import db
from jobs import errors as domain

log = structlog.get_logger(__name__)

SHOWN_CHARACTERS = 100


def install(app: FastAPI) -> None:
    """Answer the errors of this application with problem details; gateway.py has the unexpected."""
    app.add_exception_handler(ApiProblem, _api_problem)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(ValidationError, _invalid_body)
    for error in DOMAIN:
        app.add_exception_handler(error, _domain)
    for away in db.UNAVAILABLE:
        app.add_exception_handler(away, _database_away)


def _api_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiProblem)  # noqa: S101  # as registered
    return respond(
        request.scope, error.kind, error.detail, errors=error.errors, headers=error.headers
    )


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as registered
    kind = BY_STATUS.get(error.status_code)
    if kind is None:
        title = HTTPStatus(error.status_code).phrase
        kind = Kind(slug="other", status=error.status_code, title=title)
    path = request.url.path[:SHOWN_CHARACTERS]
    detail = f"{request.method} {path}: {error.detail}; GET /openapi.json lists what there is"
    return respond(request.scope, kind, detail, headers=dict(error.headers or {}))


def _domain(request: Request, error: Exception) -> Response:
    kind = next(kind for raised, kind in DOMAIN.items() if isinstance(error, raised))
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # The reason names storage keys: it is for the operator.
        log.warning("request_failed", kind=kind.slug, reason=str(error)[:500])
        return respond(request.scope, kind, f"{kind.title}; the server's log has the request_id")
    errors = []
    if isinstance(error, domain.SpecRefused):
        errors = [FieldProblem(pointer=r.pointer, detail=r.detail) for r in error.refusals]
    return respond(request.scope, kind, str(error), errors=errors)


def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database_away", reason=type(error).__name__)
    return respond(request.scope, UNAVAILABLE, "the database does not answer; try again soon")


def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as registered
    # The first part of the place says whether it is in the path, the query or a header.
    return _fields(request, [(tuple(item["loc"])[1:], item) for item in error.errors()])


def _invalid_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)  # noqa: S101  # as registered
    items = error.errors(include_url=False)
    if items[0]["type"] == "json_invalid":
        reason = items[0]["ctx"]["error"]
        return respond(request.scope, MALFORMED, f"the body is not JSON: {reason}")
    return _fields(request, [(item["loc"], item) for item in items])


def _fields(request: Request, items: list[tuple[tuple[int | str, ...], Any]]) -> Response:
    problems = [_field_problem(location, item) for location, item in items[:SHOWN_FIELDS]]
    detail = "; ".join(problem.detail for problem in problems)
    if len(items) > SHOWN_FIELDS:
        detail = f"{len(items)} fields are wrong, the first {SHOWN_FIELDS} of them: {detail}"
    return respond(request.scope, INVALID, detail, errors=problems)


def _field_problem(location: tuple[int | str, ...], item: Any) -> FieldProblem:
    parts = [_printable(str(part))[:SHOWN_CHARACTERS] for part in location]
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    name = ".".join(parts) or "body"
    return FieldProblem(pointer=pointer, detail=f"{name}: {_sentence(item)}")


def _sentence(item: Any) -> str:
    if item["type"] == "missing":
        return "this field is required"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "there is no such field; leave it out (GET /v1/spec/schema, GET /openapi.json)"
    return f"{message}; got {_shown(item.get('input'))}"


def _shown(value: object) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # a model, or a number with thousands of digits
        text = type(value).__name__
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
