"""The HTTP connection: bounds on what a client may send, and on how slowly it sends or reads."""

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import problems
from api.gateway import SECURITY_HEADERS
from jobs.ids import new_id

MAX_HEAD_BYTES = 32 << 10  # request line and headers; browsers and proxies send under 8 KiB
HEAD_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0  # a client that reads nothing of its answer for so long has gone


class Connection(HttpToolsProtocol):
    """httptools bounds neither the size of a request's head nor the time it takes to come."""

    read_timeout_s = READ_TIMEOUT_S
    _timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self._reader_reads()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        # It may hold a stream's place and memory for ever; closing would wait for it to read.
        super().pause_writing()
        self._reader_timer = self.loop.call_later(self.read_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._reader_reads()
        super().resume_writing()

    def _reader_reads(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is None or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response(f"Request line and headers may have {MAX_HEAD_BYTES} bytes.")

    def _await_head(self) -> None:
        if self._timer is None:
            self._head_bytes = 0
            self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _head_came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # Over its connection limit uvicorn answers plain text; every error here is a problem.
        chosen: Any = _overloaded if app is service_unavailable else app
        super()._start_asgi_task(cycle, chosen)


async def _overloaded(scope: Scope, receive: Receive, send: Send) -> None:
    scope["request_id"] = new_id("req")
    detail = "too many connections are open; try again soon"
    answer = problems.respond(
        scope,
        problems.UNAVAILABLE,
        detail,
        headers={**SECURITY_HEADERS, "Connection": "close"},
    )
    await answer(scope, receive, send)
