"""results.csv: what is written is read again, and nothing else is taken for results."""

from pathlib import Path

import pytest

from netaug_client.studies import results
from netaug_client.studies.results import BadResults, Row
from tests.netaug_client.studies import grids

COMMITTED = Path(__file__).parents[3] / "bench" / "results" / "fashion_mnist_study" / "results.csv"


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    failed = Row(
        model="w10", method="netaug", seed=1, status="failed", message='diverged, "at" step 3\nand'
    )
    written = [*grids.rows(), failed]
    results.write(tmp_path / "results.csv", written)
    assert results.read(tmp_path / "results.csv") == written


def test_a_score_that_no_job_has_gets_no_column(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    results.write(path, grids.rows())
    assert "ap50" not in path.read_text()
    results.write(path, grids.scenes_rows())
    header = path.read_text().splitlines()[0].split(",")
    assert header[4:7] == ["test_ap50", "test_ap", "validation_ap50"]
    assert results.read(path) == grids.scenes_rows()


def test_committed_results_are_read_and_written_byte_for_byte(tmp_path: Path) -> None:
    rows = results.read(COMMITTED)
    results.write(tmp_path / "results.csv", rows)
    assert (tmp_path / "results.csv").read_bytes() == COMMITTED.read_bytes()
    assert rows[0].told_score() == "top-1 accuracy 89.79"


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
