"""Where a run's events go: JSON lines to a supervisor, or sentences to a person."""

import os
import sys
from typing import Protocol, TextIO

from netaug_core.events import (
    ArtifactWritten,
    CheckpointWritten,
    Failed,
    Finished,
    Left,
    Metrics,
    RunEvent,
    Started,
)


class Reporter(Protocol):
    """Takes the events of a run, in order."""

    def emit(self, event: RunEvent) -> None: ...


class EventStream:
    """JSON lines to a file descriptor, each at once.

    A BrokenPipeError is not caught here: without its supervisor a run must not go on.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def emit(self, event: RunEvent) -> None:
        line = memoryview(event.model_dump_json().encode() + b"\n")
        while line:
            line = line[os.write(self._descriptor, line) :]


class Console:
    """A line an epoch on stderr, the scores at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def emit(self, event: RunEvent) -> None:
        line = _sentence(event)
        if line is not None:
            self._stream.write(line + "\n")
            self._stream.flush()


class Both:
    """Events for a supervisor, and the sentences that become the job's log."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def emit(self, event: RunEvent) -> None:
        for reporter in self._reporters:
            reporter.emit(event)


class FailuresApart:
    """Of several processes: each says its own failure where the one that matters is picked."""

    def __init__(self, failures: Reporter, others: Reporter) -> None:
        self._failures = failures
        self._others = others

    def emit(self, event: RunEvent) -> None:
        reporter = self._failures if isinstance(event, Failed) else self._others
        reporter.emit(event)


def _sentence(event: RunEvent) -> str | None:  # one line for each kind of event
    match event:
        case Started():
            return _started(event)
        case Metrics(epoch_end=True):
            return _epoch(event)
        case CheckpointWritten():
            return f"checkpoint {event.name}, {event.size_bytes} bytes"
        case ArtifactWritten():
            return f"{event.name}: {event.size_bytes} bytes, sha256 {event.sha256}"
        case Left():
            return f"left at step {event.step}; go on with --resume and the newest checkpoint"
        case Failed():
            return f"failed ({event.failure}): {event.message}"
        case Finished():
            scores = ", ".join(f"{name} {_short(value)}" for name, value in event.result.items())
            return f"finished: {scores}"
    return None


def _started(event: Started) -> str:
    data = event.dataset
    environment = event.environment
    return (
        f"{data.name}: {data.num_train} training, {data.num_validation} validation and "
        f"{data.num_test} test images of {data.num_classes} classes; {environment['device']}, "
        f"{environment['threads']} threads; step {event.from_step} of {event.total_steps}"
    )


def _epoch(event: Metrics) -> str:
    values = ", ".join(f"{name} {_short(value)}" for name, value in event.values.items())
    return f"epoch {event.epoch}: {values}"


def _short(value: str | float | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
