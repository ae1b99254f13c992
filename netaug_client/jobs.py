"""Jobs: submit and find them, follow one to its end, take its files."""

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from netaug_client import downloads
from netaug_client.connection import Connection, part
from netaug_client.device_models import Profile
from netaug_client.errors import ServerUnreachable, WaitTimedOut
from netaug_client.models import (
    Artifact,
    DryRun,
    Event,
    EventPage,
    JobDetails,
    JobPage,
    JobSummary,
    Lock,
    Manifest,
    MetricPage,
    MetricPoint,
)
from netaug_core.spec import JobSpec

POLL_S = 0.5
RECONNECT_S = 1.0
RECONNECTS = 60  # in a row, without one event between
PAGE = 200


class Job:
    """One job on the server. `details` is what was last heard of it."""

    def __init__(self, connection: Connection, details: JobDetails) -> None:
        self._connection = connection
        self.details = details

    @property
    def id(self) -> str:
        return self.details.id

    @property
    def status(self) -> str:
        return self.details.status

    @property
    def _path(self) -> str:
        return f"/v1/jobs/{part(self.id)}"

    def refresh(self) -> "Job":
        """Ask the server for the job as it is now."""
        answer = self._connection.get(self._path)
        self.details = JobDetails.model_validate_json(answer.content)
        return self

    def wait(self, timeout: float | None = None) -> "Job":
        """Return when the job is final.

        Raises:
            WaitTimedOut: it is not, after `timeout` seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self.refresh().details.is_final:
            if until is not None and time.monotonic() >= until:
                raise WaitTimedOut(f"job {self.id} is still {self.status}; it goes on")
            time.sleep(POLL_S)
        return self

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """Events as they happen, until the job is done. Goes on after a lost connection.

        Raises:
            ServerUnreachable: the server stayed away.
        """
        failures = 0
        while True:
            try:
                for event in self._stream(after):
                    failures, after = 0, event.seq
                    yield event
            except ServerUnreachable:
                failures += 1
                if failures >= RECONNECTS:
                    raise
                time.sleep(RECONNECT_S)
            else:
                if self.refresh().details.is_final and not self.events_page(after=after):
                    return

    def _stream(self, after: int) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self._connection.stream(f"{self._path}/events", headers=headers) as answer:
            for sent in httpx2.EventSource(answer):
                yield Event.model_validate_json(sent.data)

    def events_page(self, *, after: int = 0) -> tuple[Event, ...]:
        """Up to 200 events after a sequence number, without waiting."""
        answer = self._connection.get(f"{self._path}/events", {"after": after, "limit": PAGE})
        return EventPage.model_validate_json(answer.content).items

    def metrics(self, *keys: str, epoch_end: bool | None = None) -> list[MetricPoint]:
        """All measured values, by step and key."""
        points: list[MetricPoint] = []
        cursor: str | None = None
        while True:
            query = {"key": list(keys), "epoch_end": epoch_end, "cursor": cursor}
            answer = self._connection.get(f"{self._path}/metrics", query)
            page = MetricPage.model_validate_json(answer.content)
            points += page.items
            cursor = page.next_cursor
            if cursor is None:
                return points

    def lock(self) -> Lock:
        """What decided the job's weights, and the digest of its model."""
        return Lock.model_validate_json(self._connection.get(f"{self._path}/lock").content)

    def logs(self, *, tail: int | None = None) -> Iterator[str]:
        """What the trainer printed so far, in pieces."""
        headers = {"Accept": "text/plain"}
        with self._connection.stream(
            f"{self._path}/logs", query={"tail": tail}, headers=headers
        ) as answer:
            yield from answer.iter_text()

    def cancel(self) -> "Job":
        return self._ask("cancel")

    def stop(self) -> "Job":
        return self._ask("stop")

    def retry(self) -> "Job":
        return self._ask("retry")

    def _ask(self, verb: str) -> "Job":
        self._connection.post(f"{self._path}/{verb}")
        return self.refresh()

    def delete(self) -> None:
        self._connection.delete(self._path)

    def artifacts(self) -> tuple[Artifact, ...]:
        """The files that can be downloaded."""
        answer = self._connection.get(f"{self._path}/artifacts")
        return Manifest.model_validate_json(answer.content).items

    def download(self, directory: Path | str = ".", *names: str) -> list[Path]:
        """Save all files, or those named, each checked by size and SHA-256.

        Raises:
            DownloadDamaged: a file arrived otherwise than announced.
        """
        wanted = [a for a in self.artifacts() if not names or a.name in names]
        return [self._save(artifact, Path(directory)) for artifact in wanted]

    def _save(self, artifact: Artifact, directory: Path) -> Path:
        path = f"{self._path}/artifacts/{part(artifact.name)}"
        with self._connection.stream(path) as answer:
            return downloads.save(answer.iter_bytes(), artifact, directory)


class Jobs:
    """The jobs of the key's tenant."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def submit(
        self, spec: JobSpec | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Job:
        """Submit a job; sent again after a lost answer, it is still one job."""
        key = idempotency_key or uuid.uuid4().hex
        answer = self._connection.post(
            "/v1/jobs", _document(spec), headers={"Idempotency-Key": key}
        )
        return Job(self._connection, JobDetails.model_validate_json(answer.content))

    def dry_run(self, spec: JobSpec | Mapping[str, Any]) -> DryRun:
        """Check a spec on the server, and what its network costs; nothing is stored."""
        answer = self._connection.post("/v1/jobs", _document(spec), query={"dry_run": True})
        return DryRun.model_validate_json(answer.content)

    def profile(self, spec: JobSpec | Mapping[str, Any]) -> Profile:
        """What a spec's network takes on a device, and whether it fits its target."""
        answer = self._connection.post("/v1/profile", _document(spec))
        return Profile.model_validate_json(answer.content)

    def get(self, job_id: str) -> Job:
        answer = self._connection.get(f"/v1/jobs/{part(job_id)}")
        return Job(self._connection, JobDetails.model_validate_json(answer.content))

    def list(
        self,
        *,
        status: str | None = None,
        tags: tuple[str, ...] = (),
        name: str | None = None,
        limit: int = 50,
    ) -> list[JobSummary]:
        """The newest jobs."""
        found: list[JobSummary] = []
        cursor: str | None = None
        while len(found) < limit:
            query = {"status": status, "tag": [*tags], "name": name, "cursor": cursor}
            answer = self._connection.get(
                "/v1/jobs", {**query, "limit": min(PAGE, limit - len(found))}
            )
            page = JobPage.model_validate_json(answer.content)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return found


def _document(spec: JobSpec | Mapping[str, Any]) -> dict[str, Any]:
    return spec.model_dump(mode="json") if isinstance(spec, JobSpec) else dict(spec)
