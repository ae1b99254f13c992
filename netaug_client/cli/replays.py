"""The commands `netaug jobs lock` and `netaug jobs replay`."""

import math
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from netaug_client import replay
from netaug_client.cli import output, watch
from netaug_client.cli.exits import BY_STATUS, ExitCode
from netaug_client.cli.jobs import AsJson, JobId, Quiet, Timeout
from netaug_client.client import Client
from netaug_client.jobs import Job
from netaug_client.models import Lock
from netaug_client.replay import Change, Comparison, Gap, Verdict

SAID = {
    Verdict.IDENTICAL: "identical",
    Verdict.WITHIN_TOLERANCE: "within tolerance",
    Verdict.DIFFERS: "differs",
}


def show_lock(job_id: JobId) -> None:
    """What decided a job's weights, as JSON: spec, data, seed, versions, device."""
    with Client() as client:
        output.print_json(client.jobs.get(job_id).lock())


def replay_job(  # one parameter for each option
    job_id: JobId,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Largest difference, relative above 1, of any value.")
    ] = replay.TOLERANCE,
    force: Annotated[
        bool, typer.Option("--force", help="Go on although the data have changed.")
    ] = False,
    timeout: Timeout = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a finished job again, and compare: exits 1 if it differs beyond the tolerance.

    Example: netaug jobs replay job_0199f1e6...
    """
    with Client() as client:
        original, lock, again = replay.start(client.jobs, job_id)
        output.say(f"job {again.id} replays {original.id}")
        changes = replay.began(again, lock, force=force, timeout=timeout)
        for change in changes:
            output.say(f"{change.name}: {change.then or 'unknown'}, now {change.now or 'unknown'}")
        _follow(again, timeout=timeout, quiet=quiet)
        compared = replay.compare(original, again, tolerance)
        if as_json:
            output.print_document(_document(original, again, changes, compared, tolerance))
        else:
            print_comparison(compared, lock, tolerance)
    sys.exit(ExitCode.ERROR if compared.verdict is Verdict.DIFFERS else ExitCode.OK)


def _follow(again: Job, *, timeout: float | None, quiet: bool) -> None:
    try:
        with watch.view(quiet=quiet) as shown:
            details = watch.follow(again, shown, timeout=timeout)
    except KeyboardInterrupt:
        output.say(f"job {again.id} goes on; follow it with: netaug jobs watch {again.id}")
        sys.exit(ExitCode.INTERRUPTED)
    if details.status != "succeeded":
        output.print_job(details)
        sys.exit(BY_STATUS[details.status])


def print_comparison(compared: Comparison, lock: Lock, tolerance: float) -> None:
    """The verdict, and where the runs part."""
    typer.echo(f"{SAID[compared.verdict]}: {_reason(compared, lock)}")
    if compared.first is not None and compared.largest is not None:
        typer.echo(f"first differs at step {compared.first.step}: {_gap(compared.first)}")
        typer.echo(f"differs most at step {compared.largest.step}: {_gap(compared.largest)}")
        typer.echo(f"tolerance {tolerance:g}")


def _reason(compared: Comparison, lock: Lock) -> str:
    if compared.verdict is Verdict.IDENTICAL:
        return f"model.safetensors has SHA-256 {lock.model_sha256} in both"
    return f"model.safetensors is another; {compared.compared} values were measured by both"


def _gap(gap: Gap) -> str:
    return f"{gap.key} was {gap.then}, now {gap.now} ({gap.size:.3g} apart)"


def _document(
    original: Job, again: Job, changes: list[Change], compared: Comparison, tolerance: float
) -> dict[str, Any]:
    return {
        **{"job_id": original.id, "replay_id": again.id, "tolerance": tolerance},
        **{"verdict": compared.verdict, "compared": compared.compared},
        **{"first_difference": _json(compared.first), "largest": _json(compared.largest)},
        "changes": [asdict(change) for change in changes],
    }


def _json(gap: Gap | None) -> dict[str, Any] | None:
    """JSON has no infinity: a size of null is beyond every tolerance."""
    if gap is None:
        return None
    return {**asdict(gap), "size": gap.size if math.isfinite(gap.size) else None}
