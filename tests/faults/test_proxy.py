"""The proxy itself: each mode does to a real connection what its name says."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Mode, Proxy

SHORT_S = 0.2
WAIT_S = 20.0


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that answers each block with itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo_for_ever, args=(server,), daemon=True).start()
        with Proxy(server.getsockname()[1]) as proxy:
            yield proxy
        server.shutdown(socket.SHUT_RDWR)


def _echo_for_ever(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    try:
        with connection:
            while block := connection.recv(1000):
                connection.sendall(block)
    except OSError:
        pass


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S) as client:
        client.sendall(b"hello")
        assert client.recv(1000) == b"hello"
        yield client


def is_silent(client: socket.socket) -> bool:
    client.settimeout(SHORT_S)
    try:
        client.recv(1000)
    except TimeoutError:
        return True
    finally:
        client.settimeout(WAIT_S)
    return False


def test_what_stalls_comes_later(proxy: Proxy, client: socket.socket) -> None:
    proxy.set(Mode.STALL)
    client.sendall(b"late")
    assert is_silent(client)
    proxy.set(Mode.PASS)
    assert client.recv(1000) == b"late"


def test_what_is_dropped_never_comes(proxy: Proxy, client: socket.socket) -> None:
    proxy.set(Mode.DROP)
    client.sendall(b"lost")
    proxy.set(Mode.PASS)
    client.sendall(b"lost, too")
    assert is_silent(client)


def test_a_cut_resets_old_and_new_connections(proxy: Proxy, client: socket.socket) -> None:
    proxy.set(Mode.CUT)
    with pytest.raises(ConnectionResetError):
        client.recv(1000)
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S) as new,
    ):
        new.recv(1000)
    proxy.set(Mode.PASS)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S) as new:
        new.sendall(b"again")
        assert new.recv(1000) == b"again"


def test_the_reply_to_one_request_is_lost(proxy: Proxy, client: socket.socket) -> None:
    proxy.lose_reply_to(b"COMMIT")
    client.sendall(b"COMMIT")
    with pytest.raises(ConnectionResetError):
        client.recv(1000)
    assert proxy.reply_lost.wait(WAIT_S)


def test_a_slow_network_delivers_all_of_it(proxy: Proxy, client: socket.socket) -> None:
    proxy.slow_down(latency_s=0.02, loss=0.5, seed=1)
    received = b""
    for number in range(5):
        client.sendall(bytes([number]))
        received += client.recv(1000)
    assert received == bytes(range(5))
