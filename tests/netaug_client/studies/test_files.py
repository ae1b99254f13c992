"""The files of a study: tables that say what the rows say, and a plot that opens."""

import csv
import math
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from netaug_client.studies import files, results
from netaug_client.studies.results import Row
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
