"""report.md: a study's tables for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from netaug_client.studies.results import Row
from netaug_client.studies.summary import Comparison, Group, Summary
from netaug_core.statistics import Estimate

NOTHING = "-"
READING = """\
Intervals are 95 % Student-t intervals over the seeds. Differences are paired: the same network,
data and seed with both methods. A verdict is given only where the interval of the difference
excludes 0, and it is not corrected for the number of comparisons: of twenty, one may be wrong by
chance. The seeds vary the first weights and the order of the images; the test images are the same
in all jobs. Seconds are training time on the machines that ran the jobs; "time" is their mean
divided by the reference's. Where it is near 1, the methods are compared at equal time; where the
epochs are the same, at equal epochs.
"""


def write(path: Path, summary: Summary, rows: Sequence[Row], picture: str | None) -> None:
    """Write the report; `picture` is the name of the plot beside it."""
    path.write_text("\n".join(_lines(summary, rows, picture)) + "\n", encoding="utf-8")


def _lines(summary: Summary, rows: Sequence[Row], picture: str | None) -> Iterator[str]:
    study = summary.study
    metric = study.metric.replace("_", " ")
    done = sum(row.succeeded for row in rows)
    yield f"# Study {study.name}"
    yield ""
    yield (
        f"Models: {len(study.models)}, methods: {len(study.methods)}, seeds: {len(study.seeds)}; "
        f"{done} of {len(rows)} jobs succeeded. Measured: {metric}, in per cent; differences in "
        "percentage points."
    )
    if picture is not None:
        yield from ("", f"![{metric} against training time, and differences]({picture})")
    for model in study.models:
        yield from _model_lines(summary, model)
    yield from _teacher_lines(rows, study.metric)
    yield from _missing_lines(rows)
    yield ""
    yield "## How to read this"
    yield ""
    yield READING.rstrip()


def _model_lines(summary: Summary, model: str) -> Iterator[str]:
    study = summary.study
    groups = summary.of_model(model)
    sizes = next((g for g in groups if g.params is not None), None)
    size = f" ({sizes.params:,} params, {sizes.macs:,} MACs)" if sizes else ""
    yield from ("", f"## {model}{size}", "")
    metric = study.metric.replace("_", " ")
    yield from _table(
        ("method", "seeds", "epochs", metric, "95 % interval", "seconds"),
        [_group_cells(group) for group in groups],
    )
    for reference in (study.baseline, *study.references):
        yield from ("", f"Against {reference}:", "")
        yield from _table(
            ("method", "difference", "95 % interval", "wins-losses-ties", "time", "verdict"),
            [_comparison_cells(one) for one in summary.against(model, reference)],
        )


def _group_cells(group: Group) -> tuple[str, ...]:
    mean, seconds = group.mean, group.seconds
    return (
        group.method,
        f"{len(group.rows)}/{group.num_planned}",
        NOTHING if group.epochs is None else str(group.epochs),
        NOTHING if mean is None else f"{100 * mean.mean:.2f}",
        _interval(mean),
        NOTHING if seconds is None else f"{seconds.mean:.1f}",
    )


def _comparison_cells(one: Comparison) -> tuple[str, ...]:
    time = one.relative_seconds
    pairs = one.pairs
    return (
        one.group.method,
        NOTHING if pairs is None else f"{100 * pairs.difference.mean:+.2f}",
        NOTHING if pairs is None else _interval(pairs.difference, sign="+"),
        NOTHING if pairs is None else f"{pairs.wins}-{pairs.losses}-{pairs.ties}",
        NOTHING if time is None else f"{time:.2f}x",
        one.verdict,
    )


def _teacher_lines(rows: Sequence[Row], metric: str) -> Iterator[str]:
    teachers = [row for row in rows if row.is_teacher]
    if not teachers:
        return
    yield from ("", "## Teachers", "")
    cells = []
    for row in teachers:
        value = getattr(row, metric)
        cells.append(
            (
                row.method,
                row.status,
                NOTHING if row.params is None else f"{row.params:,}",
                NOTHING if value is None else f"{100 * value:.2f}",
                NOTHING if row.train_seconds is None else f"{row.train_seconds:.1f}",
            )
        )
    yield from _table(("teacher", "status", "params", metric.replace("_", " "), "seconds"), cells)


def _missing_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Jobs that are not in the tables' numbers, and jobs that are though they ended early."""
    missing = [row for row in rows if not row.succeeded]
    if missing:
        yield from ("", "## Jobs without a result", "")
        cells = [
            (r.model, r.method, str(r.seed), r.status, r.job_id, _cell(r.message)) for r in missing
        ]
        yield from _table(("model", "method", "seed", "status", "job", "why"), cells)
    early = [row.job_id for row in rows if row.stopped_early]
    if early:
        yield from ("", f"Stopped before their last epoch, and counted: {', '.join(early)}.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _interval(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None or estimate.interval is None:
        return NOTHING
    low, high = 100 * estimate.interval.low, 100 * estimate.interval.high
    return f"{low:{sign}.2f} to {high:{sign}.2f}"
