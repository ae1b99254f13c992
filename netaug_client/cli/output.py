"""What commands print: tables for people, the API's own JSON for programs."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from netaug_client.models import Artifact, Attempt, JobDetails, JobSummary, Receipt

# What scores are called for people; a list shows the first that a job has.
SCORE_TITLES = {
    "accuracy": "accuracy",
    "ap50": "AP50",
    "ap50_voc07": "AP50 (VOC 2007)",
    "ap": "AP",
}


def print_json(body: BaseModel | Sequence[BaseModel]) -> None:
    """JSON on standard output, with the API's names."""
    if isinstance(body, BaseModel):
        data: object = body.model_dump(mode="json", by_alias=True)
    else:
        data = {"items": [item.model_dump(mode="json", by_alias=True) for item in body]}
    print_document(data)


def print_document(data: object) -> None:
    """JSON on standard output."""
    typer.echo(json.dumps(data, indent=2))


def say(text: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output; without a terminal, plain columns of full width."""
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in (columns, *rows):
            typer.echo("\t".join(row))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def print_jobs(jobs: Sequence[JobSummary]) -> None:
    print_table(
        ("ID", "NAME", "STATUS", "MODEL", "DATASET", "EPOCH", "TEST SCORE", "AGE"),
        [
            (
                *(job.id, job.name, job.status, job.model, job.dataset),
                f"{job.progress.epoch}/{job.progress.total_epochs}" if job.progress else "",
                next((f"{title} {value}" for title, value in test_scores(job)), ""),
                age(job.created_at),
            )
            for job in jobs
        ],
    )


def print_job(job: JobDetails) -> None:
    """A job's main facts, one a line."""
    facts = {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "model": f"{_network(job)}, {job.cost.params:,} params, {job.cost.macs:,} MACs, "
        f"{job.cost.peak_activation_bytes:,} bytes of activations (int8)",
        "dataset": job.dataset,
        "created": f"{age(job.created_at)} ago",
        "waits for": job.waits_for or "",
        "starts about": local_time(job.estimated_start_at),
        **{f"test {title}": value for title, value in test_scores(job)},
        "failure": f"{job.failure.failure_class}: {job.failure.message}" if job.failure else "",
    }
    for name, fact in facts.items():
        if fact:
            typer.echo(f"{name:15} {fact}")
    for attempt in job.attempts:
        typer.echo(f"attempt {attempt.attempt:<8}{_told(attempt)}")
    if job.receipt is not None and job.receipt.attempts > 1:
        typer.echo(f"{'crash receipt':15} {_summed(job.receipt)}")


def _told(attempt: Attempt) -> str:
    """Who ran it, from where, how it ended, what was lost."""
    start = f"from step {attempt.from_step}" if attempt.from_step is not None else "starting"
    why = f" ({attempt.message})" if attempt.message else ""
    facts = [attempt.worker, start, f"{attempt.outcome or 'running'}{why}"]
    if attempt.lost_steps or attempt.lost_seconds:
        facts.append(
            f"lost {_steps(attempt.lost_steps or 0)} and {duration(attempt.lost_seconds or 0)}"
        )
    return ", ".join(facts)


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


def _summed(receipt: Receipt) -> str:
    lost = f"{_steps(receipt.lost_steps)} and {duration(receipt.lost_seconds)} lost"
    equal = "equal to an undisturbed run: " if receipt.equals_undisturbed else ""
    return f"{receipt.attempts} attempts, {lost}; {equal}{receipt.statement}"


def local_time(moment: datetime | None) -> str:
    """By this machine's clock and zone, to the minute."""
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def print_files(job: JobDetails, files: Sequence[Artifact]) -> None:
    """The job's id, its scores, and every file with size and digest, the digests whole."""
    typer.echo(f"job            {job.id}")
    for title, value in test_scores(job):
        typer.echo(f"{f'test {title}':<14} {value}")
    for title, value in receipt(job):
        typer.echo(f"{title:<14} {value}")
    typer.echo(f"{'MACs':<14} {job.cost.macs:,}")
    for file in files:
        typer.echo(f"{file.name:<20}{file.size_bytes:>10} bytes  sha256 {file.sha256}")


def test_scores(job: JobSummary) -> Iterator[tuple[str, str]]:
    """Title and percentage of each, the most usual of its task first; none before the end."""
    result = job.result or {}
    for name, title in SCORE_TITLES.items():
        value = result.get(f"test_{name}")
        if isinstance(value, float | int):
            yield title, f"{100 * value:.2f} %"


def receipt(job: JobSummary) -> Iterator[tuple[str, str]]:
    """What the plain control reached, and the gain over it; nothing without a control."""
    result = job.result or {}
    for name, title in SCORE_TITLES.items():
        value = result.get(f"control_test_{name}")
        if isinstance(value, float | int):
            yield f"plain {title}", f"{100 * value:.2f} %"
    gain, low, high = (result.get(name) for name in ("gain", "gain_low", "gain_high"))
    if all(isinstance(value, float | int) for value in (gain, low, high)):
        yield "gain", f"{gain:+.2f} points (95 % interval {low:+.2f} to {high:+.2f})"


def score_title(name: str | None) -> str:
    """What people call a score; a newer server may have others."""
    return SCORE_TITLES.get(name or "", name or "score")


def _network(job: JobDetails) -> str:
    detection = job.spec.get("detection")
    return job.model if detection is None else f"{detection['detector']} on {job.model}"


def age(then: datetime) -> str:
    """For example `5s`, `3m`, `2h`, `9d`."""
    seconds = max(0.0, (datetime.now(UTC) - then).total_seconds())
    return duration(seconds)


def duration(seconds: float) -> str:
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86_400:.0f}d"
