"""plot.png and plot.svg: accuracy against training time, and differences to the baseline.

Needs matplotlib, an extra of its own; it is loaded when something is drawn.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from netaug_client.errors import NetaugError
from netaug_client.studies.summary import Comparison, Group, Summary
from netaug_core.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "plot.png"
PANEL_INCHES = (5.2, 3.9)
CAP_POINTS = 3.0
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
    """A row of two panels for each model."""
    from matplotlib.figure import Figure

    study = summary.study
    width, height = PANEL_INCHES
    figure = Figure(figsize=(2 * width, height * len(study.models)), layout="constrained")
    panels = figure.subplots(len(study.models), 2, squeeze=False)
    for (left, right), model in zip(panels, study.models, strict=True):
        groups = summary.of_model(model)
        params = next((group.params for group in groups if group.params is not None), None)
        size = "" if params is None else f", {params:,} params"
        left.set_title(f"{model}{size}: mean and 95 % interval")
        right.set_title(f"difference to {study.baseline}, paired by seed")
        _draw_times(left, groups, study.metric)
        _draw_differences(right, groups, summary.against(model, study.baseline))
    return figure


def _draw_times(axes: Axes, groups: list[Group], metric: str) -> None:
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
    axes.set_ylabel(f"{metric.replace('_', ' ')}, %")
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
