"""Whole runs in processes of their own."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from netaug_core.errors import EXIT_LEFT
from netaug_core.events import ArtifactWritten, CheckpointWritten, Failed, Finished, Left, Metrics
from netaug_core.training import checkpoint
from tests.netaug_core import runs
from tests.netaug_core.conftest import FinishedRun

LAST = f"checkpoint-{runs.WHOLE_STEPS}.pt"
FILES = {"model.safetensors", "model.onnx", "model_card.md", "model_card.json", "metrics.csv"}


def test_a_run_tells_its_story_in_order_and_says_nothing_else(finished_run: FinishedRun) -> None:
    types = [event.type for event in finished_run.events]

    assert (finished_run.code, finished_run.errors) == (0, "")
    assert types[0] == "started"
    assert types[-6:] == ["artifact"] * 5 + ["finished"]
    assert set(types) <= {"started", "progress", "metrics", "checkpoint", "artifact", "finished"}


def test_every_reported_file_is_there_with_its_size(finished_run: FinishedRun) -> None:
    artifacts = [e for e in finished_run.events if isinstance(e, ArtifactWritten)]

    assert {a.name for a in artifacts} == FILES
    for artifact in artifacts:
        assert (finished_run.out / artifact.name).stat().st_size == artifact.size_bytes


def test_each_epoch_ends_with_its_metrics_and_metrics_csv_has_the_same(
    finished_run: FinishedRun,
) -> None:
    ends = [e for e in finished_run.events if isinstance(e, Metrics) and e.epoch_end]
    with (finished_run.out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert [e.step for e in ends] == list(
        range(runs.STEPS_PER_EPOCH, runs.WHOLE_STEPS + 1, runs.STEPS_PER_EPOCH)
    )
    for end, row in zip(ends, rows, strict=True):
        assert {name: float(row[name]) for name in end.values} == end.values
        assert {"train_loss", "train_loss_augmented", "validation_accuracy"} <= set(end.values)


def test_no_step_reports_the_same_metric_twice(finished_run: FinishedRun) -> None:
    keys = [(e.step, n) for e in finished_run.events if isinstance(e, Metrics) for n in e.values]

    assert len(keys) == len(set(keys))


def test_the_model_card_holds_scores_spec_and_certificate(finished_run: FinishedRun) -> None:
    card = json.loads((finished_run.out / "model_card.json").read_text())
    finished = finished_run.events[-1]

    assert isinstance(finished, Finished)
    assert card["method"] == "netaug"
    assert card["scores"]["test_accuracy"] == finished.result["test_accuracy"]
    assert len(card["scores"]["per_class"]) == 10
    tensors = load_file(finished_run.out / "model.safetensors").items()
    learnt = [tensor.numel() for name, tensor in tensors if name.endswith(("weight", "bias"))]
    assert card["cost"]["params"] == sum(learnt)  # the tiny net's, not the supernet's
    assert {file["name"] for file in card["export_certificate"]["files"]} == {
        "model.safetensors",
        "model.onnx",
    }


def test_only_the_newest_two_checkpoints_remain(finished_run: FinishedRun) -> None:
    names = {path.name for path in finished_run.out.iterdir()} - FILES

    assert names == {f"checkpoint-{runs.WHOLE_STEPS - 1}.pt", LAST}


def test_a_run_killed_in_mid_epoch_resumes_to_the_same_bits(
    finished_run: FinishedRun, tmp_path: Path
) -> None:
    newest = _killed_at(7, finished_run.spec, tmp_path)

    resumed = runs.start(finished_run.spec, tmp_path, "--resume", str(newest))
    events = resumed.rest()
    code, errors = resumed.wait()

    assert (code, errors) == (0, "")
    assert events[0].type == "started"
    assert 7 <= events[0].from_step < runs.WHOLE_STEPS
    _assert_same_bits(tmp_path, finished_run.out)


def _killed_at(step: int, spec: Path, out: Path) -> Path:
    """Start a run and kill it some steps later; its newest checkpoint."""
    killed = runs.start(spec, out)
    killed.hold_back()
    while not _is_checkpoint(killed.next_event(), at_least=step):
        pass
    killed.process.send_signal(signal.SIGKILL)
    killed.wait()
    return max(out.glob("checkpoint-*.pt"), key=lambda path: int(path.stem.split("-")[1]))


def _is_checkpoint(event: object, at_least: int) -> bool:
    assert event is not None, "the run ended before it wrote the checkpoint"
    return isinstance(event, CheckpointWritten) and event.step >= at_least


def _assert_same_bits(out: Path, expected: Path) -> None:
    ours = checkpoint.read(out / LAST)["learner"]["net"]
    theirs = checkpoint.read(expected / LAST)["learner"]["net"]
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name
    exported = load_file(out / "model.safetensors")
    for name, tensor in load_file(expected / "model.safetensors").items():
        assert torch.equal(exported[name], tensor), name


@pytest.mark.parametrize("way", ["sigterm", "control file"])
def test_a_run_asked_to_leave_writes_a_checkpoint_and_leaves(way: str, tmp_path: Path) -> None:
    control = tmp_path / "control"
    spec = runs.write_spec(tmp_path, runs.small_document(epochs=10_000))
    process = runs.start(spec, tmp_path / "out", "--control", str(control))
    while not _is_checkpoint(process.next_event(), at_least=2):
        pass

    if way == "sigterm":
        process.process.send_signal(signal.SIGTERM)
    else:
        control.write_text("leave")
    events = process.rest()
    code, _ = process.wait()

    assert code == EXIT_LEFT
    assert isinstance(events[-1], Left)
    assert (tmp_path / "out" / f"checkpoint-{events[-1].step}.pt").exists()


def test_a_run_told_to_stop_finishes_with_the_best_network_so_far(tmp_path: Path) -> None:
    control = tmp_path / "control"
    spec = runs.write_spec(tmp_path, runs.small_document(epochs=10_000))
    process = runs.start(spec, tmp_path / "out", "--control", str(control))
    while not _is_checkpoint(process.next_event(), at_least=2):
        pass

    control.write_text("stop")
    events = process.rest()
    code, errors = process.wait()

    assert (code, errors) == (0, "")
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.result["stopped_early"] is True
    assert finished.step < 10_000 * runs.STEPS_PER_EPOCH


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """An undisturbed run with a control."""
    directory = tmp_path_factory.mktemp("controlled")
    document = runs.whole_document() | {"control": True}
    spec, out = runs.write_spec(directory, document), directory / "out"
    process = runs.start(spec, out)
    events = process.rest()
    return FinishedRun(spec, out, events, *process.wait())


def test_a_control_adds_the_plain_run_and_its_receipt(
    controlled: FinishedRun, tmp_path: Path
) -> None:
    card = json.loads((controlled.out / "model_card.json").read_text())
    receipt = card["netaug_receipt"]

    assert (controlled.code, controlled.errors) == (0, "")
    assert controlled.events[0].total_steps == 2 * runs.WHOLE_STEPS
    finished = controlled.events[-1]
    assert isinstance(finished, Finished)
    assert finished.step == 2 * runs.WHOLE_STEPS
    assert finished.result["gain"] == receipt["gain"]
    gain = 100 * (finished.result["test_accuracy"] - receipt["control_test_score"])
    assert receipt["gain"] == pytest.approx(gain)
    assert "top-1 points over the plain network" in (controlled.out / "model_card.md").read_text()
    _assert_control_is_the_plain_run(tmp_path, receipt)


def _assert_control_is_the_plain_run(directory: Path, receipt: dict[str, float]) -> None:
    plain = runs.write_spec(directory / "plain", runs.whole_document() | {"augment": None})
    process = runs.start(plain, directory / "plain" / "out")
    finished = process.rest()[-1]
    process.wait()

    assert isinstance(finished, Finished)
    assert finished.result["test_accuracy"] == receipt["control_test_score"]


@pytest.mark.parametrize("at_step", [7, runs.WHOLE_STEPS + 3], ids=["main", "control"])
def test_a_run_with_a_control_killed_in_either_half_ends_as_undisturbed(
    controlled: FinishedRun, at_step: int, tmp_path: Path
) -> None:
    newest = _killed_at(at_step, controlled.spec, tmp_path / "out")

    resumed = runs.start(controlled.spec, tmp_path / "out", "--resume", str(newest))
    events = resumed.rest()
    resumed.wait()

    expected, finished = controlled.events[-1], events[-1]
    in_control = events[0].from_step > runs.WHOLE_STEPS
    assert at_step <= events[0].from_step < 2 * runs.WHOLE_STEPS
    assert in_control == (at_step > runs.WHOLE_STEPS)
    assert isinstance(expected, Finished)
    assert isinstance(finished, Finished)
    for name in ("test_accuracy", "test_loss", "gain", "control_test_accuracy"):
        assert finished.result[name] == expected.result[name]


def test_a_run_whose_reader_has_gone_ends_at_once(tmp_path: Path) -> None:
    spec = runs.write_spec(tmp_path, runs.small_document(epochs=10_000))
    process = runs.start(spec, tmp_path / "out")
    process.next_event()
    unread = process.stream
    process.stream = os.open(os.devnull, os.O_RDONLY)

    os.close(unread)
    code, _ = process.wait()

    assert code == 70


def test_a_damaged_checkpoint_is_refused_by_name(finished_run: FinishedRun, tmp_path: Path) -> None:
    damaged = tmp_path / "checkpoint-29.pt"
    content = bytearray((finished_run.out / "checkpoint-29.pt").read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    process = runs.start(finished_run.spec, tmp_path / "out", "--resume", str(damaged))
    (failed,) = process.rest()
    code, _ = process.wait()

    assert code == 69
    assert isinstance(failed, Failed)
    assert "checkpoint-29.pt is damaged" in failed.message


def test_the_light_modules_do_not_load_torch() -> None:
    script = (
        "import sys, netaug_core.spec, netaug_core.events, netaug_core.errors, netaug_core.cost,"
        "netaug_core.architectures, netaug_core.datasets, netaug_core.__main__\n"
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert output.stdout.strip() == "False"
