"""Errors as RFC 9457 problem details: the one table of what can go wrong, and its handlers."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from jobs import db
from jobs import errors as domain
from netaug_core.datasets import UnknownDataset

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
SHOWN_CHARACTERS = 100
NOT_SHOWN = object()


class FieldProblem(BaseModel):
    """One field that is wrong."""

    pointer: str = Field(description="JSON pointer to the field (RFC 6901).")
    detail: str = Field(description="What is wrong, and what to do.")


class Problem(BaseModel):
    """A problem detail (RFC 9457)."""

    type: str = Field(examples=["/problems/job-not-found"])
    title: str = Field(examples=["No such job"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no job 'job_0'; `GET /v1/jobs` lists yours"])
    instance: str = Field(examples=["/v1/jobs/job_0"])
    request_id: str
    errors: list[FieldProblem] = []


class Kind(BaseModel, frozen=True):
    """A type of problem. `slug` never changes: clients compare it."""

    slug: str
    status: int
    title: str
    headers: dict[str, str] = {}

    @property
    def uri(self) -> str:
        return f"/problems/{self.slug}"


MALFORMED = Kind(slug="malformed", status=400, title="The request cannot be read")
UNAUTHENTICATED = Kind(
    slug="unauthenticated",
    status=401,
    title="A valid API key is needed",
    headers={"WWW-Authenticate": 'Bearer realm="netaug"'},
)
FORBIDDEN = Kind(slug="forbidden", status=403, title="The API key does not allow this")
NOT_FOUND = Kind(slug="not-found", status=404, title="There is nothing here")
METHOD = Kind(slug="method-not-allowed", status=405, title="This cannot be done here")
TOO_LARGE = Kind(slug="too-large", status=413, title="The body is too large")
MEDIA = Kind(slug="unsupported-media-type", status=415, title="The body must be JSON")
RANGE = Kind(slug="range-not-satisfiable", status=416, title="The file has no such bytes")
INVALID = Kind(slug="invalid", status=422, title="The request has invalid fields")
INTERNAL = Kind(slug="internal", status=500, title="Something went wrong here")
UNAVAILABLE = Kind(
    slug="unavailable",
    status=503,
    title="A part of the service does not answer; nothing is lost",
    headers={"Retry-After": str(RETRY_AFTER_S)},
)
NOT_FINISHED = Kind(slug="job-not-finished", status=409, title="The job has no files yet")

# What the domain raises, and what it is over HTTP.
DOMAIN: dict[type[Exception], Kind] = {
    domain.JobNotFound: Kind(slug="job-not-found", status=404, title="No such job"),
    domain.ArtifactNotFound: Kind(slug="artifact-not-found", status=404, title="No such artifact"),
    domain.KeyNotFound: Kind(slug="key-not-found", status=404, title="No such API key"),
    UnknownDataset: Kind(slug="dataset-not-found", status=404, title="No such dataset"),
    domain.IllegalStateChange: Kind(
        slug="illegal-state-change", status=409, title="The job's state does not allow this"
    ),
    domain.IdempotencyMismatch: Kind(
        slug="idempotency-key-reused",
        status=422,
        title="The idempotency key came with another body",
    ),
    domain.Unauthenticated: UNAUTHENTICATED,
    domain.SpecRefused: Kind(
        slug="spec-refused", status=422, title="This installation cannot run the spec"
    ),
    domain.StorageUnavailable: UNAVAILABLE,
    domain.ObjectMissing: Kind(
        slug="object-missing", status=500, title="A stored file is damaged or gone"
    ),
}
BY_STATUS = {
    kind.status: kind
    for kind in (MALFORMED, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, METHOD, TOO_LARGE, MEDIA, RANGE)
}
ALL = (*BY_STATUS.values(), INVALID, INTERNAL, UNAVAILABLE, NOT_FINISHED, *DOMAIN.values())


class ApiProblem(Exception):
    """A problem that the door itself finds."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: list[FieldProblem] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors or []
        self.headers = headers or {}


def respond(
    request: Request,
    kind: Kind,
    detail: str,
    *,
    errors: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    problem = Problem(
        type=kind.uri,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=request.url.path,
        request_id=request.scope.get("request_id", ""),
        errors=errors or [],
    )
    return Response(
        problem.model_dump_json(exclude_defaults=not errors).encode("utf-8", "replace"),
        kind.status,
        {**kind.headers, **(headers or {})},
        MEDIA_TYPE,
    )


def field_problems(error: ValidationError | RequestValidationError) -> list[FieldProblem]:
    """Pydantic's errors, each with the value that was given."""
    found = []
    for item in error.errors():
        location = [part for part in item["loc"] if part not in {"body", "query", "path", "header"}]
        pointer = "".join(f"/{_escaped(part)}" for part in location)
        found.append(FieldProblem(pointer=pointer or "/", detail=_sentence(item, location)))
    return found


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _sentence(item: Any, location: list[int | str]) -> str:
    name = ".".join(str(part) for part in location) or "body"
    message = item["msg"]
    if item["type"] == "extra_forbidden":
        message = "there is no such field; leave it out, or see GET /v1/spec/schema"
    elif item["type"] == "missing":
        return f"{name}: this field is required"
    elif message.startswith("Value error, "):
        message = message.removeprefix("Value error, ")
    return f"{name}: {message}; got {_shown(item.get('input'))}"


def _shown(value: object) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem detail."""
    app.add_exception_handler(ApiProblem, _api_problem)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(ValidationError, _invalid_body)
    for error in DOMAIN:
        app.add_exception_handler(error, _domain)
    for away in db.UNAVAILABLE:
        app.add_exception_handler(away, _database_away)
    app.add_exception_handler(Exception, _unexpected)


def _api_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiProblem)  # noqa: S101  # as registered
    return respond(request, error.kind, error.detail, errors=error.errors, headers=error.headers)


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as registered
    kind = BY_STATUS.get(error.status_code)
    if kind is None:
        title = HTTPStatus(error.status_code).phrase
        kind = Kind(slug="other", status=error.status_code, title=title)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return respond(request, kind, detail, headers=dict(error.headers or {}))


def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as registered
    return _fields(request, field_problems(error))


def _invalid_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)  # noqa: S101  # as registered
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return respond(request, MALFORMED, f"the body is not JSON: {first['ctx']['error']}")
    return _fields(request, field_problems(error))


def _fields(request: Request, problems: list[FieldProblem]) -> Response:
    return respond(request, INVALID, _joined(p.detail for p in problems), errors=problems)


def _joined(details: Iterable[str]) -> str:
    return "; ".join(details)[:2000]


def _domain(request: Request, error: Exception) -> Response:
    kind = next(kind for raised, kind in DOMAIN.items() if isinstance(error, raised))
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", kind=kind.slug, reason=str(error)[:500])
        return respond(request, kind, kind.title)
    errors = []
    if isinstance(error, domain.SpecRefused):
        errors = [FieldProblem(pointer=r.pointer, detail=r.detail) for r in error.refusals]
    return respond(request, kind, str(error), errors=errors)


def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database_away", reason=type(error).__name__)
    return respond(request, UNAVAILABLE, "the database does not answer; try again soon")


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected_error", exc_info=error)
    return respond(request, INTERNAL, "unexpected error; its request_id is in the server's log")
