"""report.md: a study's tables for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from netaug_client.studies.results import Row
from netaug_client.studies.savings import Outside, Saving
from netaug_client.studies.summary import Comparison, Group, Summary
from netaug_core.statistics import Estimate
from netaug_core.study_metric import WORDS, Metric

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

READING_SAVINGS = """\
"MACs for the same" are the fewest at which the baseline scores as much as the method's model does:
its curve is linear in the logarithm of the MACs between its models and is not continued beyond
them. "Saved" is by the means; "by seed" is the mean of each seed's own saving, by that seed's own
curve, and is left out where a seed's score is not on it: the mean of the others would be of chosen
seeds. "not reached": the baseline's largest models score less. "below the baseline's range": its
smallest model scores more already.
"""


def write(path: Path, summary: Summary, rows: Sequence[Row], picture: str | None) -> None:
    """Write the report; `picture` is the name of the plot beside it."""
    path.write_text("\n".join(_lines(summary, rows, picture)) + "\n", encoding="utf-8")


def _lines(summary: Summary, rows: Sequence[Row], picture: str | None) -> Iterator[str]:
    study = summary.study
    metric = WORDS[study.metric]
    done = sum(row.succeeded for row in rows)
    yield f"# Study {study.name}"
    yield ""
    yield (
        f"Models: {len(study.models)}, methods: {len(study.methods)}, seeds: {len(study.seeds)}; "
        f"{done} of {len(rows)} jobs succeeded. Measured: {metric}, in per cent; differences in "
        "percentage points."
    )
    if picture is not None:
        against = "MACs and training time" if summary.has_curves else "training time"
        yield from ("", f"![{metric} against {against}, and differences]({picture})")
    yield from _savings_lines(summary)
    for model in study.models:
        yield from _model_lines(summary, model)
    yield from _teacher_lines(rows, study.metric)
    yield from _missing_lines(rows)
    yield ""
    yield "## How to read this"
    yield ""
    yield READING.rstrip()
    if summary.has_curves:
        yield from ("", READING_SAVINGS.rstrip())


def _savings_lines(summary: Summary) -> Iterator[str]:
    if not summary.has_curves:
        return
    study = summary.study
    metric = WORDS[study.metric]
    yield from ("", f"## MACs at equal {metric}", "")
    cells = []
    for method in study.methods:
        if method != study.baseline:
            saved = summary.savings(method)
            cells += [(method, model, *_saving_cells(one)) for model, one in saved.items()]
    equal = f"MACs of {study.baseline} for the same"
    columns = ("method", "model", "MACs", metric, equal, "saved", "by seed", "95 % interval")
    yield from _table(columns, cells)


def _saving_cells(one: Saving) -> tuple[str, ...]:
    equal, over_seeds = one.equal_macs, one.over_seeds
    return (
        f"{one.own.macs:,}",
        f"{100 * one.own.score:.2f}",
        equal.value if isinstance(equal, Outside) else f"{equal:,.0f}",
        NOTHING if one.saved is None else f"{100 * one.saved:+.1f} %",
        _outside(one) if over_seeds is None else f"{100 * over_seeds.mean:+.1f} %",
        _interval(over_seeds, sign="+"),
    )


def _outside(one: Saving) -> str:
    """For example "not reached: 2 of 3"; of the seeds that both methods have."""
    count = len(one.outside) + len(one.by_seed)
    told = [*one.outside.values()]
    kinds = [(kind, told.count(kind)) for kind in Outside if kind in told]
    return "; ".join(f"{kind.value}: {number} of {count}" for kind, number in kinds) or NOTHING


def _model_lines(summary: Summary, model: str) -> Iterator[str]:
    study = summary.study
    groups = summary.of_model(model)
    sizes = next((g for g in groups if g.params is not None), None)
    size = f" ({sizes.params:,} params, {sizes.macs:,} MACs)" if sizes else ""
    yield from ("", f"## {model}{size}", "")
    yield from _table(
        ("method", "seeds", "epochs", WORDS[study.metric], "95 % interval", "seconds"),
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


def _teacher_lines(rows: Sequence[Row], metric: Metric) -> Iterator[str]:
    """Jobs that were trained first; their task, and so their score, may be another."""
    teachers = [row for row in rows if row.is_teacher]
    if not teachers:
        return
    yield from ("", "## Trained first", "")
    cells = [
        (
            row.method,
            row.status,
            NOTHING if row.params is None else f"{row.params:,}",
            row.told_score(metric) or NOTHING,
            NOTHING if row.train_seconds is None else f"{row.train_seconds:.1f}",
        )
        for row in teachers
    ]
    yield from _table(("job", "status", "params", "measured", "seconds"), cells)


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
