"""Around every request: an id, a size limit, security headers, one log line, its metrics."""

import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.body import too_large
from api.telemetry import Telemetry
from jobs.ids import new_id
from netaug_core.spec import MAX_SPEC_BYTES

log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# The documentation pages run the script that shows the OpenAPI document; all of it is served here.
DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src blob:; frame-ancestors 'none'"
)
DOCS = ("/docs", "/redoc", "/static-offline-docs")


class Gateway:
    """An ASGI middleware: streams pass through it unbuffered."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = new_id("req")
        began = time.perf_counter()

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(scope, message, time.perf_counter() - began)
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > MAX_SPEC_BYTES:
            refused = too_large()
            respond = problems.respond(
                Request(scope), refused.kind, refused.detail, headers=refused.headers
            )
            await respond(scope, receive, send_on)
            return
        await self._app(scope, receive, send_on)

    def _answered(self, scope: Scope, message: Message, seconds: float) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        if scope["path"].startswith(DOCS):
            headers["Content-Security-Policy"] = DOCS_POLICY
        headers["X-Request-Id"] = scope["request_id"]
        operation = getattr(scope.get("route"), "operation_id", None) or "none"
        self._telemetry.answered(operation, message["status"], seconds)
        log.info(
            "request",
            request_id=scope["request_id"],
            method=scope["method"],
            operation=operation,
            path=scope["path"],
            status=message["status"],
            milliseconds=round(seconds * 1000, 2),
        )
