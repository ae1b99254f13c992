"""What a hostile or slow client can do to a real server process, and what a restart does."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine

from jobs import db, wishes
from netaug_core.spec import MAX_SPEC_BYTES
from tests.api.conftest import Platform, Server, make_settings, spawn
from tests.api.test_streams import kinds
from tests.servers import Postgres

WAIT_S = 30.0


@pytest.fixture(scope="module")
def server(api_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = make_settings(api_database, tmp_path_factory.mktemp("wire"))
    server = spawn(settings)
    yield server
    server.stop()


def talk(server: Server, *sent: bytes) -> bytes:
    """Send raw bytes, and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as connection:
        for block in sent:
            connection.sendall(block)
        return b"".join(iter(lambda: _received(connection), b""))


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:  # it closed before it had read all that was sent
        return b""


def test_an_endless_head_is_cut_off(server: Server) -> None:
    answer = talk(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 200_000)

    # Closed with bytes unread, the connection may be reset before the answer is seen.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


def test_a_head_that_does_not_come_is_not_waited_for(server: Server) -> None:
    assert talk(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n") == b""


def test_what_is_no_http_is_400(server: Server) -> None:
    assert talk(server, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_chunked_body_over_the_limit_is_413(server: Server, platform: Platform) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(MAX_SPEC_BYTES // 65_536 + 1):
            yield b" " * 65_536

    answer = httpx2.post(
        f"{server.url}/v1/jobs",
        content=blocks(),
        headers={**platform.bearer(), "Content-Type": "application/json"},
    )

    assert answer.status_code == 413


def test_a_connection_too_many_is_503_with_retry_after(serve: Callable[..., Server]) -> None:
    server = serve("--limit-concurrency", "3")
    address = ("127.0.0.1", server.port)
    with (
        socket.create_connection(address),
        socket.create_connection(address),
        httpx2.Client(base_url=server.url) as http,
    ):
        refused = http.get("/healthz")

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert refused.json()["type"] == "/problems/unavailable"
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_a_server_opens_as_many_files_as_its_streams_need() -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))"
    asked = f"{limit}; from api import __main__; print(__main__._files())"

    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True)

    assert int(told.stdout) == 4096


def test_no_header_names_the_software(server: Server) -> None:
    assert "server" not in httpx2.get(f"{server.url}/healthz").headers


def test_an_open_stream_does_not_hold_up_a_shutdown(
    serve: Callable[..., Server], platform: Platform
) -> None:
    server = serve()
    url = f"{server.url}/v1/jobs/{platform.submit()}/events"
    headers = {**platform.bearer(), "Accept": "text/event-stream"}
    with httpx2.stream("GET", url, headers=headers, timeout=WAIT_S) as answer:
        lines = answer.iter_lines()
        assert kinds(lines, "state") == ["state"]

        assert server.stop() == 0
        assert kinds(lines, "none") == []  # one that is cut off, not ended, raises here


def test_streams_go_on_after_the_database_was_away(
    own_postgres: Postgres, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    settings = make_settings(own_postgres.url("own"), tmp_path)
    server = serve(configured=settings)
    own_postgres.stop(signal.SIGQUIT)
    own_postgres.start()
    engine: Engine = db.create_engine(own_postgres.url("own"))
    platform = Platform(engine, settings)
    job_id = platform.submit()
    headers = {**platform.bearer(), "Accept": "text/event-stream"}

    with (
        httpx2.Client(base_url=server.url, headers=headers, timeout=WAIT_S) as http,
        http.stream("GET", f"/v1/jobs/{job_id}/events") as answer,
    ):
        lines = answer.iter_lines()
        assert kinds(lines, "state") == ["state"]
        with db.writing(engine) as connection:
            wishes.cancel(connection, "ours", job_id)
        assert kinds(lines, "done") == ["state", "done"]
    engine.dispose()
