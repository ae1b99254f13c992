"""plot.png and plot.svg: scores against MACs and training time, differences to the baseline.

Needs matplotlib, an extra of its own; it is loaded when something is drawn.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from netaug_client.errors import NetaugError
from netaug_client.studies.savings import Point
from netaug_client.studies.summary import Comparison, Group, Summary
from netaug_core.statistics import Estimate
from netaug_core.study_metric import WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "plot.png"
PANEL_INCHES = (5.2, 3.9)
CAP_POINTS = 3.0
SIDE = 0.006  # between methods at the same MACs, of the axis
# Told apart by shape too, not by colour alone. Colours: Okabe and Ito, safe for colour blindness.
MARKERS = "osD^vPX<>ph*"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# The same rows give the same bytes: no random ids, no date, no version.
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


class PlotLibraryMissing(NetaugError):
    """matplotlib is not installed."""


def require_library() -> None:
    """Find the drawing library before hours of training and not after.

    Raises:
        PlotLibraryMissing: it is not there.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise PlotLibraryMissing(
            "a study draws with matplotlib, which is not installed: pip install 'netaug[study]', "
            "or leave the plot out with --no-plot"
        )


def draw(summary: Summary, directory: Path) -> tuple[Path, ...]:
    """Write plot.png and plot.svg.

    Raises:
        PlotLibraryMissing: matplotlib is not installed.
    """
    require_library()
    import matplotlib as mpl

    paths = tuple(directory / f"plot.{kind}" for kind in METADATA)
    with mpl.rc_context({"svg.hashsalt": "netaug", "font.size": 9.0}):
        figure = _figure(summary)
        for path, metadata in zip(paths, METADATA.values(), strict=True):
            figure.savefig(path, dpi=130, metadata=metadata)
    return paths


def _figure(summary: Summary) -> Figure:
    """A row of two panels for each model, below one for all if they differ in MACs."""
    from matplotlib.figure import Figure

    study = summary.study
    first = int(summary.has_curves)
    num_rows = first + len(study.models)
    width, height = PANEL_INCHES
    figure = Figure(figsize=(2 * width, height * num_rows), layout="constrained")
    grid = figure.add_gridspec(num_rows, 2)
    if summary.has_curves:
        draw_curves(figure.add_subplot(grid[0, :]), summary)
    for row, model in enumerate(study.models, start=first):
        left, right = (figure.add_subplot(grid[row, column]) for column in (0, 1))
        groups = summary.of_model(model)
        params = next((group.params for group in groups if group.params is not None), None)
        size = "" if params is None else f", {params:,} params"
        left.set_title(f"{model}{size}: mean and 95 % interval")
        right.set_title(f"difference to {study.baseline}, paired by seed")
        _draw_times(left, groups, WORDS[study.metric])
        _draw_differences(right, groups, summary.against(model, study.baseline))
    return figure


def draw_curves(axes: Axes, summary: Summary) -> None:
    """A line a method: its models' means with intervals over their MACs, side by side."""
    methods = summary.study.methods
    curves = {method: sorted(summary.curve(method).items(), key=_by_macs) for method in methods}
    sizes = sorted({point.macs for curve in curves.values() for _, point in curve})
    axes.set_xscale("log")
    for index, (method, curve) in enumerate(curves.items()):
        means = [summary.groups[model, method].mean for model, _ in curve]
        aside = SIDE * (index - (len(methods) - 1) / 2)
        colour, marker = _style(index)
        axes.errorbar(
            [point.macs * (sizes[-1] / sizes[0]) ** aside for _, point in curve],
            [100 * point.score for _, point in curve],
            yerr=[100 * _reach(mean) for mean in means if mean is not None],
            fmt=f"{marker}-",
            color=colour,
            capsize=CAP_POINTS,
            label=method,
        )
    axes.minorticks_off()
    axes.set_xticks(sizes, [f"{macs / 1e6:.3g} M" for macs in sizes])
    axes.set_title("all models: mean and 95 % interval")
    axes.set_xlabel("MACs of one image, logarithmic")
    axes.set_ylabel(f"{WORDS[summary.study.metric]}, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _by_macs(entry: tuple[str, Point]) -> Point:
    return entry[1]


def _draw_times(axes: Axes, groups: list[Group], words: str) -> None:
    for index, group in enumerate(groups):
        mean, seconds = group.mean, group.seconds
        if mean is not None and seconds is not None:
            colour, marker = _style(index)
            axes.errorbar(
                seconds.mean,
                100 * mean.mean,
                yerr=100 * _reach(mean),
                fmt=marker,
                color=colour,
                capsize=CAP_POINTS,
                label=group.method,
            )
    axes.set_xlabel("training time, seconds")
    axes.set_ylabel(f"{words}, %")
    axes.grid(alpha=0.3)
    if axes.has_data():
        axes.legend(fontsize="small")


def _draw_differences(axes: Axes, groups: list[Group], compared: list[Comparison]) -> None:
    """A line a method: mean and interval, and a tick for each seed."""
    styles = {group.method: _style(index) for index, group in enumerate(groups)}
    axes.axvline(0.0, color="black", linewidth=0.8)
    for height, one in enumerate(compared):
        if one.pairs is not None:
            colour, marker = styles[one.group.method]
            difference = one.pairs.difference
            axes.errorbar(
                100 * difference.mean,
                height,
                xerr=100 * _reach(difference),
                fmt=marker,
                color=colour,
                capsize=CAP_POINTS,
            )
            by_seed = [100 * value for value in one.differences.values()]
            axes.plot(by_seed, [height] * len(by_seed), "|", color="0.4", markersize=7)
    axes.set_yticks(range(len(compared)), [one.group.method for one in compared])
    axes.set_ylim(len(compared) - 0.5, -0.5)
    axes.set_xlabel("percentage points (mean, 95 % interval; each seed a tick)")
    axes.grid(alpha=0.3, axis="x")


def _reach(estimate: Estimate) -> float:
    """Half of an interval; 0 without one."""
    return estimate.mean - estimate.interval.low if estimate.interval else 0.0


def _style(index: int) -> tuple[str, str]:
    """Colour and marker."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
