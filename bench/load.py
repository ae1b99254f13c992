"""A load generator that costs little itself: raw HTTP/1.1 over kept-alive connections."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvloop

READ_BYTES = 1 << 16
Request = Callable[[], bytes]


@dataclass(frozen=True)
class Load:
    """What came of a load: how many requests, in how many seconds, and how long each took."""

    requests: int
    seconds: float
    latencies_s: list[float]

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(
    method: str, path: str, headers: dict[str, str], bodies: Iterator[bytes] | None = None
) -> Request:
    """Makes the bytes of one request after the other."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if bodies is None:
        whole = f"{head}\r\n".encode()
        return lambda: whole

    def with_body() -> bytes:
        body = next(bodies)
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    return with_body


def run(port: int, make: Request, *, connections: int, seconds: float) -> Load:
    """Send requests over so many connections, each waiting for its answer, for a while.

    Each connection sends at least one.
    """
    return uvloop.run(_run(port, make, connections, seconds))


async def _run(port: int, make: Request, connections: int, seconds: float) -> Load:
    began = time.perf_counter()
    until = began + seconds
    latencies = await asyncio.gather(*(_talk(port, make, until) for _ in range(connections)))
    together = list(itertools.chain.from_iterable(latencies))
    return Load(len(together), time.perf_counter() - began, together)


async def _talk(port: int, make: Request, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    latencies: list[float] = []
    while not latencies or time.perf_counter() < until:
        sent = time.perf_counter()
        writer.write(make())
        await _answer(reader)
        latencies.append(time.perf_counter() - sent)
    writer.close()
    await writer.wait_closed()
    return latencies


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    body = await reader.readexactly(length)
    if status >= 300:
        raise RuntimeError(f"answer {status}: {body[:300]!r}")
