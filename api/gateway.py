"""Around every request: an id, a size limit, security headers, one log line, its metrics."""

import time
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.body import too_large
from api.limits import Limits
from api.telemetry import Telemetry
from jobs.ids import new_id
from netaug_core.spec import MAX_SPEC_BYTES

log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
# The documentation pages run the script that shows the OpenAPI document; all of it is served here.
DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src blob:; frame-ancestors 'none'"
)
DOCS = ("/docs", "/redoc", "/static-offline-docs")
RawHeaders = list[tuple[bytes, bytes]]


def _raw(headers: dict[str, str]) -> RawHeaders:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_FOR_ALL = _raw(SECURITY_HEADERS)
_FOR_DOCS = _raw({**SECURITY_HEADERS, "Content-Security-Policy": DOCS_POLICY})


@dataclass
class Exchange:
    """One request, and whether its answer has begun."""

    scope: Scope
    send: Send
    telemetry: Telemetry
    began: float
    answered: bool = False

    async def pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answered = True
            message["headers"] = self._completed(message["headers"])
            self._record(message["status"])
        await self.send(message)

    def _completed(self, headers: RawHeaders) -> RawHeaders:
        usual = _FOR_DOCS if self.scope["path"].startswith(DOCS) else _FOR_ALL
        own = {name for name, _ in headers}
        added = [(name, value) for name, value in usual if name not in own]
        return [*headers, *added, (b"x-request-id", self.scope["request_id"].encode())]

    def _record(self, status: int) -> None:
        seconds = time.perf_counter() - self.began
        operation = getattr(self.scope.get("route"), "operation_id", None) or "none"
        self.telemetry.answered(operation, status, seconds)
        log.info(
            "request",
            method=self.scope["method"],
            operation=operation,
            path=self.scope["path"],
            status=status,
            milliseconds=round(seconds * 1000, 2),
        )


class Gateway:
    """An ASGI middleware: streams pass through it unbuffered."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, limits: Limits) -> None:
        self._app = app
        self._telemetry = telemetry
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = new_id("req")
        # Into every line that is logged for this request, in the thread of its route too.
        structlog.contextvars.bind_contextvars(request_id=scope["request_id"])
        exchange = Exchange(scope, send, self._telemetry, time.perf_counter())
        if _announces_too_much(scope):
            refusal = too_large()
            answer = problems.respond(scope, refusal.kind, refusal.detail, headers=refusal.headers)
            await answer(scope, receive, exchange.pass_on)
            return
        try:
            await self._app(scope, receive, exchange.pass_on)
        except Exception as error:
            if exchange.answered:
                raise  # the connection breaks: the client sees that the answer is not whole
            log.error("unexpected_error", exc_info=error)
            detail = "unexpected error; the server's log has the request_id"
            answer = problems.respond(scope, problems.INTERNAL, detail)
            await answer(scope, receive, exchange.pass_on)
        finally:
            self._limits.leave(scope)


def _announces_too_much(scope: Scope) -> bool:
    length = Headers(scope=scope).get("content-length", "0")
    return length.isdecimal() and int(length[:20]) > MAX_SPEC_BYTES
