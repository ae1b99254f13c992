"""What a trainer says, read from its two pipes by two threads and bounded in every way."""

import codecs
import queue
import threading
from collections.abc import Callable
from typing import IO, TypeVar

import structlog

from netaug_core.events import MAX_LINE_BYTES, AnyRunEvent, parse_line

log = structlog.get_logger(__name__)

Item = TypeVar("Item")

QUEUE_LENGTH = 10_000  # a trainer that says more than is kept waits for the supervisor
READ_BYTES = 16 * 1024
CAPPED = "\n[the log ends here: this job has used up its size of log]\n"


class Intake:
    """Reads until both pipes end. `take` never waits."""

    def __init__(self, events: IO[bytes], output: IO[bytes], *, log_bytes_left: int) -> None:
        self._events: queue.Queue[AnyRunEvent] = queue.Queue(QUEUE_LENGTH)
        self._text: queue.Queue[str] = queue.Queue(QUEUE_LENGTH)
        self._bytes_left = log_bytes_left
        self.happened = threading.Event()  # something may be there to take
        self._open = [events, output]
        self._start(self._read_events, events)
        self._start(self._read_output, output)

    def _start(self, read: Callable[[IO[bytes]], None], pipe: IO[bytes]) -> None:
        def read_to_the_end() -> None:
            try:
                read(pipe)
            finally:
                self._open.remove(pipe)
                self.happened.set()

        threading.Thread(target=read_to_the_end, name=read.__name__, daemon=True).start()

    def take_events(self) -> list[AnyRunEvent]:
        """The run events that arrived since the last call."""
        return _drain(self._events)

    def take_text(self) -> str:
        """What was printed since the last call."""
        return "".join(_drain(self._text))

    @property
    def is_reading(self) -> bool:
        """False once both pipes have been read to their end."""
        return bool(self._open)

    def _read_events(self, pipe: IO[bytes]) -> None:
        unread = b""
        while block := pipe.read(READ_BYTES):
            *lines, unread = (unread + block).split(b"\n")
            for line in lines:
                self._accept(line)
            if len(unread) > MAX_LINE_BYTES:
                log.warning("run_event_too_long", size_bytes=len(unread))
                unread = b""

    def _accept(self, line: bytes) -> None:
        try:
            event = parse_line(line)
        except ValueError as error:
            log.warning("run_event_refused", reason=str(error)[:500])
            return
        self._events.put(event)
        self.happened.set()

    def _read_output(self, pipe: IO[bytes]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while block := pipe.read1(READ_BYTES):  # type: ignore[attr-defined]  # a BufferedReader
            kept = block[: self._bytes_left]
            if not kept:
                continue  # past the cap: read on, so that the trainer never blocks
            self._text.put(decoder.decode(kept).replace("\0", "\ufffd"))  # Postgres keeps no NUL
            self._bytes_left -= len(kept)
            if self._bytes_left == 0:
                self._text.put(CAPPED)


def _drain(items: "queue.Queue[Item]") -> list[Item]:
    taken = []
    while True:
        try:
            taken.append(items.get_nowait())
        except queue.Empty:
            return taken
