"""Watching a study: a bar and the running jobs in a terminal, a line a finished job elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from netaug_client.cli.output import say
from netaug_client.models import JobSummary
from netaug_client.studies.results import Row
from netaug_client.studies.runner import Watcher

MOST_NAMED = 2  # running jobs beside the bar


class Quiet:
    """Shows nothing."""

    def ended(self, row: Row, num_ended: int, num_all: int) -> None: ...
    def running(self, jobs: Sequence[JobSummary]) -> None: ...


class Lines:
    """For logs and pipes."""

    def ended(self, row: Row, num_ended: int, num_all: int) -> None:
        say(f"{num_ended}/{num_all} {sentence(row)}")

    def running(self, jobs: Sequence[JobSummary]) -> None: ...


class Bar:
    """For a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("study", total=None, facts="")

    def ended(self, row: Row, num_ended: int, num_all: int) -> None:
        self._progress.console.print(sentence(row), highlight=False, markup=False)
        self._progress.update(self._task, completed=num_ended, total=num_all)

    def running(self, jobs: Sequence[JobSummary]) -> None:
        named = [
            f"{job.name} epoch {job.progress.epoch}/{job.progress.total_epochs}"
            for job in jobs
            if job.progress
        ]
        self._progress.update(self._task, facts=", ".join(named[:MOST_NAMED]))


def sentence(row: Row) -> str:
    """A job that has come to its end, for people."""
    name = " ".join(part for part in (row.model, row.method) if part)
    told = f"{name} seed {row.seed}: {row.status}"
    if (score := row.told_score()) and row.train_seconds is not None:
        return f"{told}, {score} %, {row.train_seconds:.0f} s"
    return f"{told}, {row.message}" if row.message else told


@contextmanager
def view(*, quiet: bool) -> Iterator[Watcher]:
    """What fits where standard error goes."""
    if quiet:
        yield Quiet()
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            *(BarColumn(), MofNCompleteColumn()),
            TextColumn("{task.fields[facts]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
            yield Bar(progress)
    else:
        yield Lines()
