"""Following a job: a progress bar in a terminal, a line an epoch elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from netaug_client import models
from netaug_client.cli import interrupts
from netaug_client.cli.output import SCORE_TITLES, duration, local_time, say, score_title
from netaug_client.errors import WaitTimedOut
from netaug_client.jobs import Job
from netaug_client.models import Event, JobDetails

POLL_S = 1.0
CONTROL = "control/"  # before the names of the plain control's metrics
EPOCH_METRICS = (
    *("train_loss", "train_loss_augmented"),
    *(f"validation_{name}" for name in SCORE_TITLES),
)


class View(Protocol):
    def event(self, event: Event) -> None: ...
    def job(self, details: JobDetails) -> None: ...


class Quiet:
    """Shows nothing."""

    def event(self, event: Event) -> None: ...
    def job(self, details: JobDetails) -> None: ...


class Lines:
    """For logs and pipes: a line where something happened."""

    def __init__(self) -> None:
        self._waits_for: str | None = None

    def event(self, event: Event) -> None:
        line = sentence(event)
        if line is not None:
            say(line)

    def job(self, details: JobDetails) -> None:
        if details.waits_for not in {None, self._waits_for}:
            say(waiting(details))
        self._waits_for = details.waits_for


class Bar:
    """For a terminal: epoch, loss, score, time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("queued", total=None, facts="")

    def event(self, event: Event) -> None:
        line = sentence(event)
        if line is not None and event.type != "metric":
            self._progress.console.print(line, highlight=False)

    def job(self, details: JobDetails) -> None:
        now = details.progress
        if now is None:
            self._progress.update(self._task, description=waiting(details))
            return
        facts = [] if now.loss is None else [f"loss {now.loss:.3f}"]
        if now.score is not None:
            facts.append(f"{score_title(now.score_name)} {100 * now.score:.1f} %")
        if now.eta_seconds is not None and not details.is_final:
            facts.append(f"ETA {duration(now.eta_seconds)}")
        self._progress.update(
            self._task,
            description=f"{details.status}, epoch {_epoch(details, now)}/{now.total_epochs}",
            total=now.total_steps,
            completed=now.total_steps if details.status == "succeeded" else now.step,
            facts="  ".join(facts),
        )


def _epoch(details: JobDetails, now: models.Progress) -> int:
    """The last report may be of some epochs before the end."""
    ran_to_the_end = not (details.result or {"stopped_early": True}).get("stopped_early")
    return now.total_epochs if ran_to_the_end else now.epoch


def sentence(event: Event) -> str | None:
    """An event for people; None for one that only programs care about."""
    data = event.data
    if event.type == "state":
        why = f": {data['message']}" if data.get("message") else ""
        return f"{data['status']}{why}"
    if event.type == "metric":
        values = data["values"]
        facts = ", ".join(
            f"{prefix}{name} {values[prefix + name]:.4f}"
            for prefix in ("", CONTROL)
            for name in EPOCH_METRICS
            if prefix + name in values
        )
        return f"epoch {data['epoch']}: {facts}"
    if event.type == "wish":
        return f"asked to {data['wish']}"
    return None


@contextmanager
def view(*, quiet: bool) -> Iterator[View]:
    """What fits where standard error goes."""
    if quiet:
        yield Quiet()
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            *(BarColumn(), TaskProgressColumn()),
            TextColumn("{task.fields[facts]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
            yield Bar(progress)
    else:
        yield Lines()


def follow(job: Job, shown: View, *, timeout: float | None) -> JobDetails:
    """Show a job until it is final.

    Raises:
        WaitTimedOut: it is not, after `timeout` seconds.
        KeyboardInterrupt: Ctrl-C.
    """
    with interrupts.remembered() as look:
        return _follow(job, shown, look, timeout=timeout)


def waiting(details: JobDetails) -> str:
    """A job's state, and of a queued one what it waits for and about when it starts."""
    if details.waits_for is None:
        return details.status
    start = local_time(details.estimated_start_at)
    line = f"{details.status}, waits for {details.waits_for}"
    return f"{line}, starts about {start}" if start else line


def _follow(
    job: Job, shown: View, look: Callable[[], None], *, timeout: float | None
) -> JobDetails:
    until = None if timeout is None else time.monotonic() + timeout
    seen = 0
    while True:
        look()
        details = job.refresh().details
        while page := job.events_page(after=seen):
            for event in page:
                shown.event(event)
            seen = page[-1].seq
        shown.job(details)
        if details.is_final:
            return details
        if until is not None and time.monotonic() >= until:
            raise WaitTimedOut(f"job {job.id} is still {job.status}; it goes on")
        time.sleep(POLL_S)
