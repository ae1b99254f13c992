"""The commands `netaug study ...`: many jobs as one comparison."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from netaug_client.cli import interrupts, output, specfile, study_progress
from netaug_client.cli.exits import ExitCode
from netaug_client.cli.jobs import Quiet, Timeout
from netaug_client.client import Client
from netaug_client.errors import NotConfigured
from netaug_client.studies import files, plot, results
from netaug_client.studies.ledger import Ledger
from netaug_client.studies.results import Row
from netaug_client.studies.runner import Run
from netaug_core.documents import sentences
from netaug_core.study import StudySpec

app = typer.Typer(help="Compare methods: many jobs as one study.", no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE", help="A study file, or - for standard input.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a field: seeds=[0,1]; may repeat.")
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Where the files go [default: study-NAME].")
]
NoPlot = Annotated[bool, typer.Option("--no-plot", help="Tables only; needs no matplotlib.")]


@app.command()
def run(  # noqa: PLR0913  # one parameter for each option
    file: File,
    changes: Changes = None,
    out: Out = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Queue failed and cancelled jobs again.")
    ] = False,
    no_plot: NoPlot = False,
    timeout: Timeout = None,
    quiet: Quiet = False,
) -> None:
    """Run all jobs of a study and report. Run again, it goes on with the jobs that exist.

    Example: netaug up -- netaug study run bench/fashion_mnist_study_small.yaml
    """
    study = _read(file, changes or [])
    if not no_plot:
        plot.require_library()
    with _client(file) as client, study_progress.view(quiet=quiet) as shown:
        whole = Run(study, Ledger(client, study), shown, retry=retry)
        try:
            with interrupts.remembered() as look:
                whole.finish(timeout, before_round=look)
        except KeyboardInterrupt:
            output.say(f"the jobs of study {study.name} go on; run the same command to follow them")
            sys.exit(ExitCode.INTERRUPTED)
    _report(study, whole.rows, out, no_plot=no_plot)


@app.command()
def report(
    file: File,
    changes: Changes = None,
    out: Out = None,
    from_results: Annotated[
        Path | None, typer.Option("--results", help="From this results.csv, without a server.")
    ] = None,
    no_plot: NoPlot = False,
) -> None:
    """Report what is finished of a study; submits nothing."""
    study = _read(file, changes or [])
    if from_results is not None:
        _report(study, results.read(from_results), out, no_plot=no_plot)
        return
    with _client(file) as client:
        so_far = Run(study, Ledger(client, study), study_progress.Quiet())
        so_far.look()
    _report(study, so_far.rows, out, no_plot=no_plot)


@app.command()
def show(file: File, changes: Changes = None) -> None:
    """Check a study and list its jobs; needs no server."""
    study = _read(file, changes or [])
    teachers = [("", f"@{name}", "", "") for name in study.teachers]
    cells = [
        (cell.model, cell.method, str(cell.seed), ",".join(sorted(study.teachers_of(cell))))
        for cell in study.cells()
    ]
    output.print_table(("MODEL", "METHOD", "SEED", "TEACHERS"), [*teachers, *cells])


def _read(file: str, changes: Sequence[str]) -> StudySpec:
    """The study in a file.

    Raises:
        typer.BadParameter: it is not valid; each wrong field of each job is named.
    """
    document = specfile.read_document(file, changes)
    try:
        return StudySpec.model_validate(document)
    except ValidationError as error:
        raise typer.BadParameter("\n".join(sentences(error)), param_hint=file) from error


@contextmanager
def _client(file: str) -> Iterator[Client]:
    try:
        client = Client()
    except NotConfigured as error:
        raise NotConfigured(
            f"{error}; or have one started for this study alone: "
            f"netaug up -- netaug study run {file}"
        ) from error
    with client:
        yield client


def _report(study: StudySpec, rows: Sequence[Row], out: Path | None, *, no_plot: bool) -> None:
    """Write the files, print the report, and exit 5 if a job has no result."""
    directory = out or Path(f"study-{study.name}")
    written = files.write(study, rows, directory, with_plot=not no_plot)
    typer.echo((directory / "report.md").read_text("utf-8"))
    output.say(f"written: {', '.join(str(path) for path in written)}")
    if not all(row.succeeded for row in rows):
        sys.exit(ExitCode.JOB_FAILED)
