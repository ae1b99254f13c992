"""Is this process alive, ready, and which version is it; metrics for Prometheus."""

from collections.abc import Callable
from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from api import answers, problems
from api.context import Context, Shared
from api.schemas.service import Health, Readiness, Version
from jobs import db, processes, schema
from jobs.errors import StorageUnavailable

router = APIRouter(tags=["service"])

OK = "ok"


@router.get("/healthz", operation_id="get_health", response_model=Health)
async def get_health() -> Response:
    """200 while the process answers at all."""
    return answers.answer(Health(status=OK))


@router.get(
    "/readyz",
    operation_id="get_readiness",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "A part is not ready; which is told."}},
)
def get_readiness(context: Shared) -> Response:
    """200 when database, storage, dispatcher and broker work together."""
    database = _try(lambda: _database(context))
    dispatcher, broker = ("unknown", "unknown")
    if database == OK:
        dispatcher, broker = _dispatcher(context)
    readiness = Readiness(
        database=database,
        storage=_try(lambda: _storage(context)),
        dispatcher=dispatcher,
        broker=broker,
    )
    ready = all(part == OK for part in readiness.model_dump().values())
    return answers.answer(readiness, 200 if ready else 503)


def _try(look: Callable[[], str]) -> str:
    try:
        return look()
    except (*db.UNAVAILABLE, StorageUnavailable):
        return "does not answer"


def _database(context: Context) -> str:
    with db.reading(context.engine) as connection:
        return OK if schema.serves(connection) else "needs `python -m jobs migrate`"


def _storage(context: Context) -> str:
    context.storage.check()
    return OK


def _dispatcher(context: Context) -> tuple[str, str]:
    with db.reading(context.engine) as connection:
        live = processes.live(connection, processes.DISPATCHER)
    if not live:
        return "none is up", "unknown"
    # One dispatcher that reaches the broker is enough.
    seen = [str(dispatcher.facts["broker"]) for dispatcher in live]
    return OK, OK if OK in seen else seen[0]


@router.get("/version", operation_id="get_version", response_model=Version)
async def get_version() -> Response:
    """The version of this server."""
    return answers.answer(Version(version=version("netaug")))


@router.get(
    "/metrics",
    operation_id="get_service_metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": "netaug_jobs 3\n"}}}},
)
def get_service_metrics(request: Request) -> Response:
    """Prometheus metrics. Needs no key: keep it behind your proxy."""
    text: bytes = request.app.state.telemetry.exposition()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get(
    "/problems/{slug}",
    operation_id="get_problem",
    response_class=PlainTextResponse,
    responses=answers.documented(problems.NOT_FOUND, problems.INVALID),
)
async def get_problem(slug: str) -> Response:
    """What a problem's `type` means."""
    kind = next((kind for kind in problems.ALL if kind.slug == slug), None)
    if kind is None:
        raise problems.ApiProblem(problems.NOT_FOUND, f"there is no problem type {slug[:100]!r}")
    return PlainTextResponse(f"{kind.title} (HTTP {kind.status}, type {kind.uri})\n")
