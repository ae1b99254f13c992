"""A TCP proxy in front of a real server, whose network a test may make slow, stall, lose or cut."""

import asyncio
import enum
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

BLOCK_BYTES = 1 << 16
RESENT_AFTER_S = 0.2  # TCP's shortest time-out before it sends a lost segment again
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset
ANSWER_S = 10.0
CUT_AGAIN_S = 0.05


class Mode(enum.Enum):
    PASS = "pass"  # noqa: S105  # no password
    STALL = "stall"  # nothing moves and nothing is refused; it goes on when the mode is PASS again
    DROP = "drop"  # what comes now is lost, and these connections stay dead: half open
    CUT = "cut"  # every connection is reset, new ones at once


@dataclass
class Loss:
    """Which request's reply is to be lost, on the connection that has sent `after`."""

    request: bytes
    after: bytes
    then: Callable[[], object] | None


class Link:
    """One connection: the client's side and the server's."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.sides = [client]
        self.is_dead = False  # half open: whatever comes is lost
        self.has_sent: set[bytes] = set()
        self.loses: Loss | None = None

    def reset(self) -> None:
        for side in self.sides:
            connection = side.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            side.transport.abort()


class Proxy:
    """`with Proxy(server_port) as proxy:` clients use `proxy.port`. It has a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._mode = Mode.PASS
        self._latency_s, self._loss = 0.0, 0.0
        self._random = random.Random(0)  # noqa: S311  # a fault, not a secret
        self._losing: Loss | None = None
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.port = 0
        self.num_connections = 0
        self.reply_lost = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        self._loop.close()

    def set(self, mode: Mode) -> None:
        """Change what becomes of every connection, from this moment on."""
        self._call(self._set(mode))

    def cut(self) -> None:
        """Reset every connection once; new ones are served as the mode says."""
        self._call(self._cut())

    def slow_down(self, *, latency_s: float, loss: float, seed: int) -> None:
        """Delay every block each way; a lost one comes later by the time to send it again."""
        self._random = random.Random(seed)  # noqa: S311  # a fault, not a secret
        self._latency_s, self._loss = latency_s, loss

    def lose_reply_to(
        self, request: bytes, *, after: bytes = b"", then: Callable[[], object] | None = None
    ) -> None:
        """Reset the next connection whose client sends `request`, when the server has answered.

        The server has done what was asked, and the client cannot know. Only a connection that has
        sent `after` before is meant. `then` is called, and `reply_lost` set, before the reset.
        """
        self.reply_lost.clear()
        self._losing = Loss(request, after, then)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._set(Mode.CUT)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._cut()  # one that had just been accepted, too
            await asyncio.wait(others, timeout=CUT_AGAIN_S)

    async def _set(self, mode: Mode) -> None:
        self._mode = mode
        if mode is Mode.STALL:
            self._passing.clear()
        else:
            self._passing.set()
        if mode is Mode.CUT:
            await self._cut()
        for link in self._links:
            link.is_dead |= mode is Mode.DROP

    async def _cut(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.num_connections += 1
        link = Link(writer)
        self._links.add(link)
        try:
            if self._mode is Mode.CUT:
                return
            link.is_dead = self._mode is Mode.DROP
            await self._passing.wait()
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target_port)
            link.sides.append(to_server)
            both = (self._ask(link, reader, to_server), self._reply(link, from_server, writer))
            await asyncio.gather(*both)
        except OSError:
            pass  # one side went away; so does the other
        finally:
            link.reset()
            self._links.discard(link)

    async def _ask(
        self, link: Link, client: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        while block := await client.read(BLOCK_BYTES):
            self._note_request(link, block)
            await self._pass_on(link, block, server)
        await self._finish(link, server)

    def _note_request(self, link: Link, block: bytes) -> None:
        losing = self._losing
        if losing is None:
            return
        if losing.after in block:
            link.has_sent.add(losing.after)
        if losing.after in link.has_sent and losing.request in block:
            self._losing, link.loses = None, losing

    async def _reply(
        self, link: Link, server: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        while block := await server.read(BLOCK_BYTES):
            if link.loses is not None:
                if link.loses.then is not None:
                    link.loses.then()
                link.reset()
                self.reply_lost.set()
                return
            await self._pass_on(link, block, client)
        await self._finish(link, client)

    async def _pass_on(self, link: Link, block: bytes, to: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        if self._latency_s:
            lost = self._random.random() < self._loss
            await asyncio.sleep(self._latency_s + lost * (self._latency_s + RESENT_AFTER_S))
        if not link.is_dead:
            to.write(block)
            await to.drain()

    async def _finish(self, link: Link, to: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        if not link.is_dead and to.can_write_eof():
            to.write_eof()


def through(proxy: Proxy, url: str) -> str:
    """The same address, reached through the proxy."""
    return sa.make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
