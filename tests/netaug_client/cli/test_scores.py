"""What people see of a job's score, whichever its task is."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from netaug_client.cli import output
from netaug_client.cli.watch import Bar, sentence
from netaug_client.models import Event, JobDetails

NOW = datetime.now(UTC)
COST = {"params": 1, "macs": 2, "peak_activation_bytes": 3, "peak_layer": "stem"}
DETECTION = {"detection": {"detector": "ssdlite"}}
ACCURACY, AP50 = {"test_accuracy": 0.9123}, {"test_ap": 0.2, "test_ap50": 0.41}
AP50_VOC07 = {"test_ap": 0.2, "test_ap50_voc07": 0.43}


def job(result: dict[str, float] | None, **more: Any) -> JobDetails:
    document = {
        **{"id": "job_1", "name": "one", "tags": [], "status": "running", "attempt": 1},
        **{"model": "mobilenet_v2", "dataset": "scenes", "created_at": NOW, "result": result},
        **{"spec": {}, "cost": COST, "max_attempts": 3, "lost_attempts": 0, **more},
    }
    return JobDetails.model_validate(document)


def progress(score: float | None, score_name: str | None) -> dict[str, Any]:
    counts = {"step": 5, "total_steps": 10, "epoch": 1, "total_epochs": 2}
    return {**counts, "loss": 1.5, "score": score, "score_name": score_name}


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, ""),
        (ACCURACY, "accuracy 91.23 %"),
        (AP50, "AP50 41.00 %"),
        (AP50_VOC07, "AP50 (VOC 2007) 43.00 %"),
    ],
)
def test_a_list_names_the_score_of_each_job(
    capsys: pytest.CaptureFixture[str], result: dict[str, float] | None, shown: str
) -> None:
    output.print_jobs([job(result)])

    heading, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert row[heading.index("TEST SCORE")] == shown


def test_a_detection_job_tells_its_network_and_each_score(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_job(job(AP50_VOC07, spec=DETECTION))

    lines = capsys.readouterr().out.splitlines()
    assert "model           ssdlite on mobilenet_v2, 1 params, 2 MACs" in lines[3]
    assert "test AP50 (VOC 2007) 43.00 %" in lines
    assert "test AP         20.00 %" in lines


def test_the_files_of_a_job_come_with_its_scores(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_files(job(ACCURACY), [])

    assert "test accuracy  91.23 %\n" in capsys.readouterr().out


def test_the_files_of_a_job_with_a_control_come_with_the_gain(
    capsys: pytest.CaptureFixture[str],
) -> None:
    control = {"control_test_ap50": 0.4, "gain": 1.0, "gain_low": -0.5, "gain_high": 2.5}

    output.print_files(job({**AP50, **control}), [])

    lines = capsys.readouterr().out.splitlines()
    assert "plain AP50     40.00 %" in lines
    assert "gain           +1.00 points (95 % interval -0.50 to +2.50)" in lines
    assert "MACs           2" in lines


@pytest.mark.parametrize(
    ("score", "name", "shown"),
    [
        (0.912, "accuracy", "loss 1.500  accuracy 91.2 %"),
        (0.41, "ap50", "loss 1.500  AP50 41.0 %"),
        (0.41, "ap50_voc07", "loss 1.500  AP50 (VOC 2007) 41.0 %"),
        (0.41, "of_a_newer_server", "loss 1.500  of_a_newer_server 41.0 %"),
        (None, "ap50", "loss 1.500"),
    ],
)
def test_a_bar_names_the_best_score_so_far(score: float | None, name: str, shown: str) -> None:
    console = Console(file=io.StringIO(), width=120)
    bars = Progress(TextColumn("{task.fields[facts]}"), console=console)

    Bar(bars).job(job(None, progress=progress(score, name)))

    assert bars.tasks[0].fields["facts"] == shown


@pytest.mark.parametrize("name", ["accuracy", "ap50", "ap50_voc07", "ap"])
def test_a_line_an_epoch_has_its_score(name: str) -> None:
    data = {"epoch": 2, "values": {"train_loss": 1.5, f"validation_{name}": 0.41, "other": 1.0}}
    event = Event(seq=1, type="metric", attempt=1, created_at=NOW, data=data)

    assert sentence(event) == f"epoch 2: train_loss 1.5000, validation_{name} 0.4100"


def test_a_line_of_the_control_says_so() -> None:
    values = {"control/train_loss": 1.5, "control/validation_ap50": 0.41}
    event = Event(
        seq=1, type="metric", attempt=1, created_at=NOW, data={"epoch": 4, "values": values}
    )

    assert sentence(event) == "epoch 4: control/train_loss 1.5000, control/validation_ap50 0.4100"
