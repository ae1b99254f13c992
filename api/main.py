"""The application: its parts put together, its OpenAPI document, its start and its end."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema

from api import error_handlers, examples
from api.auth import KeyRing
from api.context import Context
from api.gateway import Gateway
from api.limits import Limits
from api.problems import Problem
from api.routes import (
    artifacts,
    boards,
    datasets,
    events,
    jobs,
    keys,
    locks,
    logs,
    metrics,
    presets,
    profile,
    quota,
    service,
    spec,
    workers,
)
from api.schemas.keys import KeyRequest
from api.streams import Hub
from api.telemetry import Telemetry
from jobs import db
from jobs.settings import Settings
from jobs.storage import Storage
from netaug_core.spec import JobSpec

DESCRIPTION = (
    "Train tiny vision models with Network Augmentation. Send `Authorization: Bearer nak_...`. "
    "Errors are problem details (RFC 9457)."
)
NOUNS = (
    *(jobs, locks, events, metrics, logs, artifacts),
    *(datasets, presets, boards, profile, keys, quota, workers, spec, service),
)
DECLARED = (JobSpec, KeyRequest, Problem)  # parsed from raw bytes, or answered by handlers


def create_app(settings: Settings) -> FastAPI:
    """An application with connections of its own."""
    url = settings.database_url.get_secret_value()
    engine = db.create_engine(
        url,
        pool_size=settings.database_pool_size,
        answer_timeout_s=settings.database_answer_seconds,
    )
    limits = Limits(settings)
    telemetry = Telemetry(engine, limits)
    app = FastAPIOffline(
        title="NetAug",
        version=version("netaug"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.context = Context(
        settings, engine, Storage.open(settings), KeyRing(engine), Hub(engine), limits
    )
    app.state.telemetry = telemetry
    # Flat: a router that is included in another is matched anew at each request.
    app.router.routes.extend(route for noun in NOUNS for route in noun.router.routes)
    error_handlers.install(app)
    app.add_middleware(Gateway, telemetry=telemetry, limits=limits)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's way
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    # A thread without a connection could only wait for one.
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = context.settings.database_pool_size
    context.hub.start()
    # What was imported stays for ever: looking through it again and again makes slow requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    yield
    context.hub.close()
    context.engine.dispose()


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        examples.fill(document)
        schemas = document["components"]["schemas"]
        _, declared = models_json_schema(
            [(model, "validation") for model in DECLARED],
            ref_template="#/components/schemas/{model}",
        )
        schemas |= declared["$defs"]
        # Every validation error is a problem detail here.
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
