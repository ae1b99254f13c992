"""The files of a study: rows, summary, report and plot, written together."""

from collections.abc import Sequence
from pathlib import Path

from netaug_client.studies import plot, report, results, summary_file
from netaug_client.studies.results import Row
from netaug_client.studies.summary import summarise
from netaug_core.study import StudySpec


def write(
    study: StudySpec, rows: Sequence[Row], directory: Path, *, with_plot: bool
) -> tuple[Path, ...]:
    """Write everything that the rows tell; the paths.

    Raises:
        PlotLibraryMissing: a plot is wanted, and matplotlib is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    summary = summarise(study, rows)
    table, sums, text = (directory / n for n in ("results.csv", "summary.csv", "report.md"))
    results.write(table, rows)
    summary_file.write(sums, summary)
    written = [table, sums, text]
    if summary.has_curves:
        written.append(directory / "macs.csv")
        summary_file.write_savings(written[-1], summary)
    pictures = plot.draw(summary, directory) if with_plot else ()
    report.write(text, summary, rows, picture=plot.NAME if with_plot else None)
    return (*written, *pictures)
