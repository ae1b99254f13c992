"""Many event streams at once: what each costs, and how late an event comes."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bench import load
from bench.population import LEASE_S, Crowd
from bench.servers import Server
from jobs import db, lifecycle
from jobs.recording import Entry, Report
from jobs.states import EventType

SENT = re.compile(rb'"text":"sent ([0-9.]+)"')
READ_BYTES = 1 << 16
OPENED_TOGETHER = 50
LAST_S = 2.0  # for events that are still on their way


@dataclass
class Watched:
    """What the readers of the streams saw."""

    latencies_s: list[float] = field(default_factory=list)

    def take(self, block: bytes) -> None:
        now = time.monotonic()
        self.latencies_s += [now - float(sent) for sent in SENT.findall(block)]


def measure(
    server: Server, engine: sa.Engine, token: str, crowd: Crowd, *, rate: float, seconds: float
) -> dict[str, Any]:
    """One stream for each job of a running crowd, and so many events a second over all jobs."""
    return asyncio.run(_measure(server, engine, token, crowd, (rate, seconds)))


async def _measure(
    server: Server, engine: sa.Engine, token: str, crowd: Crowd, pace: tuple[float, float]
) -> dict[str, Any]:
    rate, seconds = pace
    watched = Watched()
    before = server.rss_bytes
    readers = []
    for first in range(1, crowd.count + 1, OPENED_TOGETHER):
        numbers = range(first, min(first + OPENED_TOGETHER, crowd.count + 1))
        opened = [_open(server.port, token, crowd.id_of(number)) for number in numbers]
        readers += await asyncio.gather(*opened)
    tasks = [asyncio.create_task(_read(reader, watched)) for reader, _ in readers]
    await asyncio.sleep(LAST_S)
    cpu_s, opened_bytes = server.cpu_s, server.rss_bytes - before
    sent = await asyncio.to_thread(_send, engine, crowd, rate, seconds)
    await asyncio.sleep(LAST_S)
    cpu_s = server.cpu_s - cpu_s
    for _, writer in readers:
        writer.close()
    await asyncio.gather(*tasks)
    seen = load.Load(len(watched.latencies_s), seconds, watched.latencies_s)
    return {
        "streams": crowd.count,
        "events_per_second": round(sent / seconds, 1),
        "events_sent": sent,
        "events_seen": seen.requests,
        "p50_ms": round(seen.percentile_ms(0.50), 1),
        "p99_ms": round(seen.percentile_ms(0.99), 1),
        "cpu_ms_per_event": round(1000 * cpu_s / max(1, seen.requests), 3),
        "kilobytes_per_stream": round(opened_bytes / crowd.count / 1000, 1),
    }


async def _open(
    port: int, token: str, job_id: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    writer.write(load.request("GET", f"/v1/jobs/{job_id}/events", headers)())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"stream refused: {head[:200]!r}")
    return reader, writer


async def _read(reader: asyncio.StreamReader, watched: Watched) -> None:
    try:
        while block := await reader.read(READ_BYTES):
            watched.take(block)
    except ConnectionError:
        return


def _send(engine: sa.Engine, crowd: Crowd, rate: float, seconds: float) -> int:
    """One event after the other, of one job after the other; how many."""
    began = time.monotonic()
    count = int(rate * seconds)
    for index in range(count):
        time.sleep(max(0.0, began + index / rate - time.monotonic()))
        round_number, job = divmod(index, crowd.count)
        entry = Entry(EventType.LOG, {"text": f"sent {time.monotonic():.6f}"})
        news = Report(batch=round_number + 1, entries=(entry,))
        with db.writing(engine) as connection:
            lifecycle.report(connection, crowd.id_of(job + 1), 1, news, lease_seconds=LEASE_S)
    return count
