"""Errors as RFC 9457 problem details: the one table of what can go wrong, and their wire form."""

from urllib.parse import quote

from fastapi import Response
from pydantic import BaseModel, Field
from starlette.types import Scope

from jobs import errors as domain
from netaug_core.datasets import UnknownDataset
from netaug_core.preset_catalogue import UnknownPreset

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
QUEUE_FULL_RETRY_S = 30
SHOWN_FIELDS = 20  # of a body that may have 100,000 wrong ones


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
TOO_SLOW = Kind(slug="too-slow", status=408, title="The body did not come in time")
TOO_LARGE = Kind(slug="too-large", status=413, title="The body is too large")
MEDIA = Kind(slug="unsupported-media-type", status=415, title="The body must be JSON")
RANGE = Kind(slug="range-not-satisfiable", status=416, title="The file has no such bytes")
INVALID = Kind(slug="invalid", status=422, title="The request has invalid fields")
TOO_MANY = Kind(
    slug="too-many-requests",
    status=429,
    title="Too much at once; nothing was done",
    headers={"Retry-After": "1"},
)
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
    domain.WorkerNotFound: Kind(slug="worker-not-found", status=404, title="No such worker"),
    UnknownDataset: Kind(slug="dataset-not-found", status=404, title="No such dataset"),
    UnknownPreset: Kind(slug="preset-not-found", status=404, title="No such preset"),
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
    domain.QueueFull: Kind(
        slug="queue-full",
        status=429,
        title="As many jobs wait as this tenant may queue",
        headers={"Retry-After": str(QUEUE_FULL_RETRY_S)},
    ),
    domain.QuotaSpent: Kind(
        slug="quota-spent", status=403, title="This tenant's quota does not allow the job"
    ),
    domain.StorageUnavailable: UNAVAILABLE,
    domain.ObjectMissing: Kind(
        slug="object-missing", status=500, title="A stored file is damaged or gone"
    ),
}
BY_STATUS = {
    kind.status: kind
    for kind in (
        MALFORMED,
        UNAUTHENTICATED,
        FORBIDDEN,
        NOT_FOUND,
        METHOD,
        TOO_SLOW,
        TOO_LARGE,
        MEDIA,
        RANGE,
        TOO_MANY,
    )
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
    scope: Scope,
    kind: Kind,
    detail: str,
    *,
    errors: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer that tells a problem."""
    problem = Problem(
        type=kind.uri,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=quote(scope["path"]),
        request_id=scope["request_id"],
        errors=(errors or [])[:SHOWN_FIELDS],
    )
    body = problem.model_dump_json(exclude=None if errors else {"errors"})
    return Response(body, kind.status, {**kind.headers, **(headers or {})}, MEDIA_TYPE)
