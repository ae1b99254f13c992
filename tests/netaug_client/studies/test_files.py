"""The files of a study: tables that say what the rows say, and a plot that opens."""

import csv
import math
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from netaug_client.studies import files, plot, results
from netaug_client.studies.results import Row
from netaug_client.studies.summary import summarise
from netaug_core.study import StudySpec
from tests.netaug_client.studies import grids

T_OF_2 = 4.302653


@pytest.fixture
def out(tmp_path: Path) -> Path:
    files.write(grids.study(), grids.rows(), tmp_path / "out", with_plot=True)
    return tmp_path / "out"


def tables(report: str) -> list[dict[str, list[str]]]:
    """Each Markdown table as its rows by their first cell."""
    found: list[dict[str, list[str]]] = []
    before = ""
    for line in report.splitlines():
        if line.startswith("|---"):
            found.append({})
        elif line.startswith("|") and before.startswith("|"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found[-1][name] = cells
        before = line
    return found


def test_the_report_says_what_the_rows_say(out: Path) -> None:
    values: dict[str, list[float]] = {}
    for line in csv.DictReader((out / "results.csv").read_text().splitlines()):
        values.setdefault(line["method"], []).append(100 * float(line["test_accuracy"]))
    groups, against_plain, _ = tables((out / "report.md").read_text())

    mean = statistics.mean(values["netaug"])
    reach = T_OF_2 * statistics.stdev(values["netaug"]) / math.sqrt(3)
    assert groups["netaug"][2] == f"{mean:.2f}"
    assert groups["netaug"][3] == f"{mean - reach:.2f} to {mean + reach:.2f}"

    differences = [a - b for a, b in zip(values["netaug"], values["plain"], strict=True)]
    mean = statistics.mean(differences)
    reach = T_OF_2 * statistics.stdev(differences) / math.sqrt(3)
    low, high = mean - reach, mean + reach
    assert against_plain["netaug"] == [
        f"{mean:+.2f}",
        f"{low:+.2f} to {high:+.2f}",
        "3-0-0",
        "3.00x",
        "undecided",
    ]


def test_the_summary_has_the_reports_numbers_unrounded(out: Path) -> None:
    lines = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    assert len(lines) == 3 * 2
    one = next(x for x in lines if (x["method"], x["reference"]) == ("netaug", "plain"))
    assert float(one["mean"]) == pytest.approx(0.87)
    assert float(one["difference"]) == pytest.approx(0.02)
    assert float(one["difference_high"]) == pytest.approx(0.02 + T_OF_2 * 0.01 / math.sqrt(3), 1e-6)
    assert (one["wins"], one["losses"], one["verdict"]) == ("3", "0", "undecided")
    itself = next(x for x in lines if (x["method"], x["reference"]) == ("plain", "plain"))
    assert itself["difference"] == ""


def test_the_plot_opens_as_png_and_as_svg(out: Path) -> None:
    with Image.open(out / "plot.png") as picture:
        picture.load()
        assert picture.width > 1000
        assert len(set(picture.convert("L").tobytes())) > 10
    assert ET.parse(out / "plot.svg").getroot().tag.endswith("svg")  # noqa: S314  # our own file


def test_the_same_rows_give_the_same_bytes(out: Path, tmp_path: Path) -> None:
    files.write(grids.study(), grids.rows(), tmp_path / "again", with_plot=True)
    for path in out.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_jobs_without_a_result_are_listed_with_the_reason(tmp_path: Path) -> None:
    failed = Row(
        model="w10", method="netaug", seed=1, status="failed", job_id="job_9", message="a|b\nc"
    )
    teacher = Row(model="", method="@big", seed=0, status="failed")
    rows = [row for row in grids.rows() if (row.method, row.seed) != ("netaug", 1)]
    files.write(grids.study(), [teacher, *rows, failed], tmp_path, with_plot=False)
    report = (tmp_path / "report.md").read_text()
    assert "8 of 10 jobs succeeded" in report
    assert "| w10 | netaug | 1 | failed | job_9 | a\\|b c |" in report
    assert "| @big | failed | - | - | - |" in report
    assert tables(report)[0]["netaug"][0] == "2/3"
    assert "plot.png" not in report


def test_jobs_that_were_stopped_early_are_named(tmp_path: Path) -> None:
    rows = [*grids.rows()[:-1], grids.row("longer", 2, stopped_early=True)]
    files.write(grids.study(), rows, tmp_path, with_plot=False)
    assert "job_longer-2" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("num_rows", [0, 1, 2])
def test_a_study_that_has_hardly_begun_is_reported_too(tmp_path: Path, num_rows: int) -> None:
    written = files.write(grids.study(), grids.rows()[:num_rows], tmp_path, with_plot=True)
    assert all(path.stat().st_size for path in written)
    assert results.read(tmp_path / "results.csv") == grids.rows()[:num_rows]


def test_without_the_plot_nothing_loads_matplotlib() -> None:
    script = (
        "import sys, netaug_client.cli.main\n"
        "sys.exit('matplotlib' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_missing_plot_library_is_named_with_the_remedy(tmp_path: Path) -> None:
    # A finder before all others hides what is installed, as on a machine without it.
    script = (
        "import importlib.machinery as m, sys\n"
        "from netaug_client.studies import plot\n"
        "found = m.PathFinder.find_spec\n"
        "m.PathFinder.find_spec = lambda name, *rest: None if name == 'matplotlib' else "
        "found(name, *rest)\n"
        "try:\n"
        "    plot.require_library()\n"
        "except plot.PlotLibraryMissing as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "pip install 'netaug[study]'" in ended.stdout


@pytest.fixture
def scenes_study() -> StudySpec:
    return StudySpec.model_validate(grids.SCENES)


def test_a_study_of_sizes_tells_the_macs_at_equal_score(
    tmp_path: Path, scenes_study: StudySpec
) -> None:
    files.write(scenes_study, grids.scenes_rows(), tmp_path, with_plot=True)
    report = (tmp_path / "report.md").read_text()
    saved = [line for line in report.splitlines() if line.startswith("| netaug | in")]
    # 0.3 is 2/3 of the way from 0.167 to 0.367: 4 ** (2/3) million MACs. Seeds: 1/2, 3/4, 1/2.
    assert saved[0] == (
        "| netaug | in64 | 1,000,000 | 30.00 | 2,519,842 | +60.3 % | +58.3 % | +22.48 to +94.19 |"
    )
    assert "| 45.67 | not reached | - | not reached: 1 of 3 | - |" in saved[1]
    assert "not reached: 3 of 3" in saved[2]
    assert "![AP50 against MACs and training time, and differences](plot.png)" in report

    lines = list(csv.DictReader((tmp_path / "macs.csv").read_text().splitlines()))
    assert [line["model"] for line in lines] == ["in64", "in128", "in256"]
    assert float(lines[0]["saved_by_seed"]) == pytest.approx(7 / 12)
    assert (lines[1]["outside"], lines[1]["seeds_outside"]) == ("not reached", "1")


def test_the_plot_of_a_study_of_sizes_has_scores_over_macs(
    tmp_path: Path, scenes_study: StudySpec
) -> None:
    files.write(scenes_study, grids.scenes_rows(), tmp_path, with_plot=True)
    svg = (tmp_path / "plot.svg").read_text()
    for text in ("MACs of one image, logarithmic", "AP50, %", "16 M"):
        assert f"<!-- {text} -->" in svg


def test_every_mean_is_within_the_panel_and_beside_its_macs(scenes_study: StudySpec) -> None:
    axes = Figure().subplots()
    plot.draw_curves(axes, summarise(scenes_study, grids.scenes_rows()))
    lines = [container.lines[0] for container in axes.containers]
    assert [list(line.get_ydata()) for line in lines] == [
        pytest.approx([50 / 3, 110 / 3, 45]),
        pytest.approx([30, 137 / 3, 60]),
    ]
    for line in lines:
        assert list(line.get_xdata()) == pytest.approx(list(grids.MACS.values()), rel=0.01)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < 0.99e6 < 16.2e6 < right < 40e6
    assert -20 < bottom < 17 < 60 < top < 120


@pytest.mark.parametrize("num_rows", [0, 1, 3, 5])
def test_a_study_of_sizes_that_has_hardly_begun_is_reported_too(
    tmp_path: Path, scenes_study: StudySpec, num_rows: int
) -> None:
    rows = grids.scenes_rows()[:num_rows]
    written = files.write(scenes_study, rows, tmp_path, with_plot=True)
    assert all(path.stat().st_size for path in written)
    assert results.read(tmp_path / "results.csv") == rows


def test_a_study_of_one_size_says_nothing_of_macs_saved(out: Path) -> None:
    assert not (out / "macs.csv").exists()
    assert "MACs at equal" not in (out / "report.md").read_text()


def test_what_is_trained_first_is_told_with_the_score_of_its_own_task(
    tmp_path: Path, scenes_study: StudySpec
) -> None:
    backbone = Row(
        model="", method="@backbone", seed=0, status="succeeded", test_accuracy=0.9, params=9
    )
    files.write(scenes_study, [backbone, *grids.scenes_rows()], tmp_path, with_plot=False)
    report = (tmp_path / "report.md").read_text()
    assert "| @backbone | succeeded | 9 | top-1 accuracy 90.00 | - |" in report
