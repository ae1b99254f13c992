"""Run events gathered into reports. A report that got no answer is sent again unchanged."""

from dataclasses import dataclass, field
from typing import Any

from jobs.recording import Entry, Report, StartFacts, StoredCheckpoint
from jobs.records import MetricPoint
from jobs.states import EventType
from netaug_core.events import Metrics, Progress, Started

LOG_CHUNK_CHARACTERS = 16_000


@dataclass
class News:
    """What has happened since the last report that was answered."""

    _batch: int = 0
    _unanswered: Report | None = None
    _progress: dict[str, Any] | None = None
    _started: StartFacts | None = None
    _last_step: int | None = None
    _entries: list[Entry] = field(default_factory=list)
    _metrics: list[MetricPoint] = field(default_factory=list)
    _checkpoints: list[StoredCheckpoint] = field(default_factory=list)

    def started(self, event: Started) -> None:
        self._started = StartFacts(
            event.from_step,
            event.dataset.digest,
            {**event.environment, "dataset": event.dataset.model_dump()},
        )
        self._last_step = event.from_step

    def progress(self, event: Progress) -> None:
        self._progress = event.model_dump(exclude={"type"})
        self._last_step = event.step

    def metrics(self, event: Metrics) -> None:
        self._metrics += [
            MetricPoint(key, event.step, event.epoch, value, event.epoch_end)
            for key, value in event.values.items()
        ]
        self._last_step = event.step
        if event.epoch_end:
            data = {"step": event.step, "epoch": event.epoch, "values": event.values}
            self._entries.append(Entry(EventType.METRIC, data))

    def text(self, text: str) -> None:
        for start in range(0, len(text), LOG_CHUNK_CHARACTERS):
            chunk = text[start : start + LOG_CHUNK_CHARACTERS]
            self._entries.append(Entry(EventType.LOG, {"text": chunk}))

    def stored(self, checkpoint: StoredCheckpoint) -> None:
        self._checkpoints.append(checkpoint)

    @property
    def is_empty(self) -> bool:
        pending = (self._entries, self._metrics, self._checkpoints, self._progress, self._started)
        return self._unanswered is None and not any(pending)

    def report(self, *, seconds_used: float) -> Report:
        """The report to send: the unanswered one first."""
        if self._unanswered is None:
            self._batch += 1
            self._unanswered = Report(
                batch=self._batch,
                progress=self._progress,
                entries=tuple(self._entries),
                metrics=tuple(self._metrics),
                checkpoints=tuple(self._checkpoints),
                started=self._started,
                last_step=self._last_step,
                seconds_used=seconds_used,
            )
            self._progress = self._started = self._last_step = None
            self._entries, self._metrics, self._checkpoints = [], [], []
        return self._unanswered

    def answered(self) -> None:
        self._unanswered = None
