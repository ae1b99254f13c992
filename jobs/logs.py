"""Structured logs on standard error: one JSON object a line, an event with fields, in UTC."""

import contextlib
import functools
import logging
import sys
import threading
from typing import TextIO

import structlog

_WRITING = threading.Lock()


class _Lines:
    """Writes lines for a module, by its name; a log that cannot be written fails no request."""

    def __init__(self, file: TextIO, name: str) -> None:
        self._file = file
        self.name = name

    def write(self, line: str) -> None:
        with _WRITING, contextlib.suppress(OSError, ValueError):
            self._file.write(line + "\n")
            self._file.flush()

    debug = info = warning = error = critical = write


def configure(level: str) -> None:
    """Send structlog's and the standard library's records to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
    ]
    # Written as they are: the way through the standard library's handlers takes twice as long.
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=functools.partial(_Lines, sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
