"""An HTTP proxy in front of an S3 server that answers late or not, cuts, and mixes up bytes."""

import contextlib
import enum
import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

FORWARD_TIMEOUT_S = 30.0
HOP = {"connection", "transfer-encoding", "keep-alive"}


class Fault(enum.Enum):
    UNAVAILABLE = "503"
    SLOW = "no answer until the proxy ends"
    CUT_REQUEST = "the body of an upload ends in its middle"
    CUT_ANSWER = "the body of a download ends in its middle"
    FLIP_REQUEST = "a byte of an upload changes on its way"
    FLIP_ANSWER = "a byte of a download changes on its way"


class StoreProxy:
    """`with StoreProxy(port) as proxy:` clients use `proxy.port`; `proxy.next(...)` plans."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self._planned: list[Fault] = []
        self._always: Fault | None = None
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self.faults_done: list[Fault] = []
        self._refused_uploads: Counter[str] = Counter()  # by path
        self.is_held = threading.Event()  # a slow request has arrived
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"proxy": self})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def next(self, *faults: Fault) -> None:
        """One fault for each of the next requests that it can happen to."""
        with self._lock:
            self._planned += faults

    def always(self, fault: Fault | None) -> None:
        """Every request that it can happen to, until it is set again."""
        with self._lock:
            self._always = fault

    @property
    def most_refused_uploads(self) -> int:
        """How often the one object that was refused most was sent."""
        return max(self._refused_uploads.values(), default=0)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request."""
        with self._lock:
            fault = self._planned[0] if self._planned else self._always
            if fault is None or not _fits(fault, method):
                return None
            if self._planned:
                self._planned.pop(0)
            self.faults_done.append(fault)
            if method == "PUT":
                self._refused_uploads[path.partition("?")[0]] += 1
            return fault


def _fits(fault: Fault, method: str) -> bool:
    if fault in {Fault.CUT_REQUEST, Fault.FLIP_REQUEST}:
        return method == "PUT"
    if fault in {Fault.CUT_ANSWER, Fault.FLIP_ANSWER}:
        return method == "GET"
    return True


def _flipped(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


class _Handler(BaseHTTPRequestHandler):
    proxy: StoreProxy
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        fault = self.proxy.take(self.command, self.path)
        length = int(self.headers.get("Content-Length", 0))
        if fault is Fault.SLOW:
            self.rfile.read(length // 2)
            self.proxy.is_held.set()
            self.proxy.ended.wait()
            self.close_connection = True
            return
        body = self.rfile.read(length)
        with contextlib.suppress(OSError):  # whoever is cut off leaves
            self._answer(fault, body)

    def _answer(self, fault: Fault | None, body: bytes) -> None:
        if fault is Fault.UNAVAILABLE:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault is Fault.CUT_REQUEST:
            self._forward(body[: len(body) // 2], length=len(body))
            self.close_connection = True
        elif fault is Fault.FLIP_REQUEST:
            self._return(*self._forward(_flipped(body), length=len(body)))
        else:
            response, content = self._forward(body, length=len(body))
            self._return(response, content, fault)

    def _forward(self, body: bytes, *, length: int) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.proxy.target_port, timeout=FORWARD_TIMEOUT_S
        )
        with contextlib.closing(connection):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    connection.putheader(name, value)
            connection.endheaders(body)
            if len(body) < length:
                raise ConnectionAbortedError("the upload was cut off")
            response = connection.getresponse()
            return response, response.read()

    def _return(
        self,
        response: http.client.HTTPResponse,
        content: bytes,
        fault: Fault | None = None,
    ) -> None:
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in {*HOP, "content-length"}:
                self.send_header(name, value)
        length = response.getheader("Content-Length") or str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if fault is Fault.CUT_ANSWER:
            content = content[: len(content) // 2]
            self.close_connection = True
        elif fault is Fault.FLIP_ANSWER and content:
            content = _flipped(content)
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815  # names of http.server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
