"""summary.csv and macs.csv: the report's numbers for programs, unrounded; scores are 0..1."""

import csv
from pathlib import Path

from netaug_client.studies.savings import Outside, Saving
from netaug_client.studies.summary import Comparison, Group, Summary
from netaug_core.statistics import Estimate

COLUMNS = (
    *("model", "method", "seeds", "mean", "low", "high", "mean_seconds", "epochs", "params"),
    *("macs", "reference", "pairs", "difference", "difference_low", "difference_high"),
    *("wins", "losses", "ties", "relative_seconds", "verdict"),
)

MACS_COLUMNS = (
    *("method", "model", "macs", "mean", "baseline", "equal_macs", "outside", "saved"),
    *("seeds", "seeds_outside", "saved_by_seed", "saved_low", "saved_high"),
)


def write(path: Path, summary: Summary) -> None:
    """Write a line for each model, method and reference."""
    study = summary.study
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for model in study.models:
            for reference in (study.baseline, *study.references):
                compared = {one.group.method: one for one in summary.against(model, reference)}
                for group in summary.of_model(model):
                    one = compared.get(group.method)
                    writer.writerow([*_group_values(group), reference, *_pair_values(one)])


def write_savings(path: Path, summary: Summary) -> None:
    """Write a line for each method but the baseline, and each of its models."""
    baseline = summary.study.baseline
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(MACS_COLUMNS)
        for method in summary.study.methods:
            if method != baseline:
                for model, one in summary.savings(method).items():
                    writer.writerow([method, model, *_saving_values(one, baseline)])


def _saving_values(one: Saving, baseline: str) -> tuple[object, ...]:
    equal, over_seeds = one.equal_macs, one.over_seeds
    low, high = _limits(over_seeds)
    return (
        *(one.own.macs, one.own.score, baseline),
        *((None, equal.value) if isinstance(equal, Outside) else (equal, None)),
        *(one.saved, len(one.by_seed) + len(one.outside), len(one.outside)),
        *(over_seeds and over_seeds.mean, low, high),
    )


def _group_values(group: Group) -> tuple[object, ...]:
    mean, seconds = group.mean, group.seconds
    low, high = _limits(mean)
    return (
        *(group.model, group.method, len(group.rows)),
        *(mean and mean.mean, low, high, seconds and seconds.mean),
        *(group.epochs, group.params, group.macs),
    )


def _pair_values(one: Comparison | None) -> tuple[object, ...]:
    if one is None:  # the reference itself
        return (None,) * 7 + (1.0, None)
    pairs = one.pairs
    if pairs is None:
        return (0, *(None,) * 6, one.relative_seconds, one.verdict)
    low, high = _limits(pairs.difference)
    return (
        *(pairs.difference.count, pairs.difference.mean, low, high),
        *(pairs.wins, pairs.losses, pairs.ties, one.relative_seconds, one.verdict),
    )


def _limits(estimate: Estimate | None) -> tuple[float | None, float | None]:
    interval = estimate.interval if estimate else None
    return (interval.low, interval.high) if interval else (None, None)
