"""The commands `netaug jobs ...`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from netaug_client.cli import output, specfile, watch
from netaug_client.cli.exits import BY_STATUS, ExitCode
from netaug_client.client import Client
from netaug_client.jobs import Job

app = typer.Typer(help="Submit, follow and fetch training jobs.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="ID", help="For example job_0199f1e6...")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's own JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Timeout = Annotated[
    float | None, typer.Option(help="Give up waiting after so many seconds; the job goes on.")
]


@app.command()
def submit(  # noqa: PLR0913  # one parameter for each option
    file: Annotated[str, typer.Option("--file", "-f", help="A job file, or - for standard input.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a field: training.epochs=5")
    ] = None,
    after: Annotated[
        list[str] | None,
        typer.Option(metavar="JOB", help="Start when this job has succeeded; may repeat."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")] = False,
    download: Annotated[
        Path | None, typer.Option(help="Then save its files here. Implies --wait.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, show its cost, submit nothing.")
    ] = False,
    timeout: Timeout = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Submit a job.

    Example: netaug jobs submit -f examples/digits.yaml --set training.epochs=3 --wait
    """
    needed = [f"resources.after=[{', '.join(after)}]"] if after else []
    spec = specfile.read(file, [*(changes or []), *needed])
    with Client() as client:
        if dry_run:
            output.print_json(client.jobs.dry_run(spec))
            return
        job = client.jobs.submit(spec)
        if not wait and download is None:
            output.print_json(job.details) if as_json else typer.echo(job.id)
            return
        _follow(job, timeout=timeout, quiet=quiet, as_json=as_json, download=download)


@app.command("list")
def list_jobs(
    status: Annotated[str | None, typer.Option(help="queued, running, succeeded, ...")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Jobs with this tag; may repeat.")] = None,
    name: Annotated[str | None, typer.Option(help="Jobs of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest jobs."""
    with Client() as client:
        found = client.jobs.list(status=status, tags=tuple(tag or ()), name=name, limit=limit)
    output.print_json(found) if as_json else output.print_jobs(found)


@app.command()
def get(job_id: JobId, as_json: AsJson = False) -> None:
    """One job: state, cost, attempts, result."""
    with Client() as client:
        details = client.jobs.get(job_id).details
    output.print_json(details) if as_json else output.print_job(details)


@app.command("watch")
def watch_job(
    job_id: JobId, timeout: Timeout = None, quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Follow a job to its end; exits 5 if it failed, 6 if it was cancelled."""
    with Client() as client:
        _follow(client.jobs.get(job_id), timeout=timeout, quiet=quiet, as_json=as_json)


def _follow(
    job: Job,
    *,
    timeout: float | None,
    quiet: bool,
    as_json: bool,
    download: Path | None = None,
) -> None:
    output.say(f"job {job.id}")
    try:
        with watch.view(quiet=quiet) as shown:
            details = watch.follow(job, shown, timeout=timeout)
    except KeyboardInterrupt:
        output.say(f"job {job.id} goes on; follow it with: netaug jobs watch {job.id}")
        sys.exit(ExitCode.INTERRUPTED)
    files = job.artifacts() if details.status == "succeeded" else ()
    if download is not None and files:
        job.download(download)
        output.say(f"{len(files)} files in {download}, sizes and digests verified")
    if as_json:
        output.print_json(details)
    elif details.status == "succeeded":
        output.print_files(details, files)
    else:
        output.print_job(details)
    sys.exit(BY_STATUS[details.status])


@app.command()
def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    tail: Annotated[int | None, typer.Option(min=1, max=1000, help="The last lines.")] = None,
) -> None:
    """What the trainer printed."""
    with Client() as client:
        job = client.jobs.get(job_id)
        if not follow:
            for text in job.logs(tail=tail):
                sys.stdout.write(text)
            return
        for event in job.events():
            if event.type == "log":
                sys.stdout.write(event.data["text"])
                sys.stdout.flush()


@app.command()
def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Give a job up. `retry` goes on from its newest checkpoint."""
    with Client() as client:
        _told(client.jobs.get(job_id).cancel(), as_json=as_json)


@app.command()
def stop(job_id: JobId, as_json: AsJson = False) -> None:
    """Finish a job now, with the best model so far."""
    with Client() as client:
        _told(client.jobs.get(job_id).stop(), as_json=as_json)


@app.command()
def retry(job_id: JobId, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again; it resumes."""
    with Client() as client:
        _told(client.jobs.get(job_id).retry(), as_json=as_json)


def _told(job: Job, *, as_json: bool) -> None:
    output.print_json(job.details) if as_json else typer.echo(f"{job.id}\t{job.status}")


@app.command()
def delete(job_id: JobId) -> None:
    """Delete a job that has ended, with its files."""
    with Client() as client:
        client.jobs.get(job_id).delete()


@app.command()
def download(
    job_id: JobId,
    names: Annotated[list[str] | None, typer.Argument(help="Files; all without any.")] = None,
    directory: Annotated[Path, typer.Option("--to", "-d", help="Where to.")] = Path(),
) -> None:
    """Save a job's files, each checked by size and SHA-256."""
    with Client() as client:
        for path in client.jobs.get(job_id).download(directory, *(names or ())):
            typer.echo(str(path))
