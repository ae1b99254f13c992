"""results.csv: what is written is read again, and nothing else is taken for results."""

from pathlib import Path

import pytest

from netaug_client.studies import results
from netaug_client.studies.results import BadResults, Row
from tests.netaug_client.studies import grids


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    failed = Row(
        model="w10", method="netaug", seed=1, status="failed", message='diverged, "at" step 3\nand'
    )
    written = [*grids.rows(), failed]
    results.write(tmp_path / "results.csv", written)
    assert results.read(tmp_path / "results.csv") == written


def test_a_line_that_is_no_job_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    results.write(path, grids.rows())
    path.write_text(path.read_text().replace("0.91", "nearly all"))
    with pytest.raises(BadResults, match=r"line 6: test_accuracy: .*'nearly all'"):
        results.read(path)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "model,method\nw10\n"])
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(BadResults, match="line 2"):
        results.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match=r"nowhere\.csv"):
        results.read(tmp_path / "nowhere.csv")
