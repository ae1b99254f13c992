"""Server-sent events: one listener a process wakes the streams whose job has something new."""

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import sqlalchemy as sa
import structlog
from fastapi.sse import format_sse_event

from api.schemas.events import EventView
from jobs import db, notices
from jobs.errors import JobNotFound, Unauthenticated
from jobs.records import Event

log = structlog.get_logger(__name__)

PING_S = 15.0
LISTEN_S = 1.0
BACKOFF_S = 1.0
BATCH = 50
BATCH_CHARACTERS = 100_000  # a slow reader holds little more than this in memory


class Hub:
    """Wakes streams from a listening thread. A missed notice costs a stream one ping interval."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._listen, name="notices", daemon=True)
        self._closing = threading.Event()

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """End every stream soon, so that none holds up the shutdown."""
        self._closing.set()
        self._wake(None)

    @contextlib.contextmanager
    def woken(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when this job has something new."""
        wake = asyncio.Event()
        self._waiting[job_id].add(wake)
        try:
            yield wake
        finally:
            self._waiting[job_id].discard(wake)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    def _listen(self) -> None:
        while not self.is_closing:
            try:
                with notices.listening(self._engine, notices.EVENTS) as listener:
                    self._wake(None)  # whatever came while nobody listened
                    while not self.is_closing:
                        told = listener.wait(LISTEN_S)
                        if told is None or told:
                            self._wake(told)
            except db.UNAVAILABLE as error:
                if not self._closing.wait(BACKOFF_S):
                    log.warning("listener_lost", reason=type(error).__name__)

    def _wake(self, job_ids: set[str] | None) -> None:
        """Wake the streams of these jobs, or all; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and every stream with it
                self._loop.call_soon_threadsafe(self._set, job_ids)

    def _set(self, job_ids: set[str] | None) -> None:
        for job_id in list(self._waiting) if job_ids is None else job_ids & self._waiting.keys():
            for wake in self._waiting[job_id]:
                wake.set()


Fetch = Callable[[int], Awaitable[tuple[list[Event], bool]]]


async def follow(hub: Hub, job_id: str, after: int, fetch: Fetch) -> AsyncIterator[bytes]:
    """The wire form of a job's events after a sequence number, until it is done.

    `fetch` gives the next events after a number, and whether those are the last there will be. A
    stream also ends when the database goes away, the job is deleted or the key is revoked: the
    reader's next request tells it which.
    """
    with hub.woken(job_id) as wake:
        while not hub.is_closing:
            wake.clear()
            try:
                events, is_over = await fetch(after)
            except (*db.UNAVAILABLE, JobNotFound, Unauthenticated) as error:
                log.info("stream_ended_early", job_id=job_id, reason=type(error).__name__)
                return
            is_whole = _cut_short(events)
            for event in events:
                after = event.seq
                yield encode(event)
            if is_whole and is_over:
                return
            if not is_whole or len(events) == BATCH:
                continue
            try:
                await asyncio.wait_for(wake.wait(), PING_S)
            except TimeoutError:
                yield b": ping\n\n"


def _cut_short(events: list[Event]) -> bool:
    """Take away what a stream should not hold yet; whether nothing was taken."""
    held = 0
    for kept, event in enumerate(events, 1):
        held += len(str(event.data.get("text", "")))  # a log's text; all else is short
        if held > BATCH_CHARACTERS and kept < len(events):
            del events[kept:]
            return False
    return True


def encode(event: Event) -> bytes:
    """One event as the HTML standard's event stream has it."""
    data = EventView.of(event).model_dump_json()
    return format_sse_event(data_str=data, event=event.type, id=str(event.seq))
