"""One JSON object a line on standard error, whoever logs; nothing fails for want of a log."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from jobs import logs


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error of a process that logs from the level info on."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    logs.configure("info")
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_both_ways_write_the_same_fields(stderr: io.StringIO) -> None:
    structlog.get_logger("api.gateway").info("request", status=200)
    logging.getLogger("uvicorn").info("request", extra={"status": 200})
    ours, theirs = (json.loads(line) for line in stderr.getvalue().splitlines())
    assert ours.pop("logger") == "api.gateway"
    assert theirs.pop("logger") == "uvicorn"
    assert ours.pop("timestamp").endswith("Z")
    assert theirs.pop("timestamp").endswith("Z")
    expected = {"event": "request", "status": 200, "level": "info", "request_id": "req_1"}
    assert ours == expected
    assert theirs == expected


def test_less_than_the_level_is_not_written(stderr: io.StringIO) -> None:
    structlog.get_logger("api").debug("detail")
    assert stderr.getvalue() == ""


def test_an_error_comes_with_its_traceback(stderr: io.StringIO) -> None:
    structlog.get_logger("api").error("unexpected_error", exc_info=ZeroDivisionError("by zero"))
    assert "ZeroDivisionError: by zero" in json.loads(stderr.getvalue())["exception"]


def test_a_log_that_cannot_be_written_fails_nothing(stderr: io.StringIO) -> None:
    log = structlog.get_logger("api")
    stderr.close()
    log.info("request")
