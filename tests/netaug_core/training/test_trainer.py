"""The training run, step by step, without a process around it."""

import csv
from pathlib import Path

import pytest
import torch

from netaug_core.errors import BadData, BadSpec, CheckpointUnusable, NonFiniteLoss
from netaug_core.events import CheckpointWritten, Metrics
from netaug_core.export import metrics_file
from netaug_core.training import checkpoint, identity
from netaug_core.training.control import Control, LeaveRequested
from netaug_core.training.determinism import choose_device
from netaug_core.weights import Inputs
from tests.netaug_core import runs


def events(trainer: object) -> list[object]:
    return trainer.reporter.events  # type: ignore[attr-defined,no-any-return]  # runs.Recorder


def test_a_plain_run_has_no_augmented_loss(tmp_path: Path) -> None:
    trainer = runs.make_trainer(runs.plain_spec(), tmp_path)

    best = trainer.run()

    ends = [e for e in events(trainer) if isinstance(e, Metrics) and e.epoch_end]
    assert len(ends) == 2
    assert all("train_loss_augmented" not in e.values for e in ends)
    assert best.score == max(e.values["validation_accuracy"] for e in ends)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    spec = runs.tiny_spec(epochs=6, checkpoint_interval_seconds=3600)
    trainer = runs.make_trainer(spec, tmp_path)

    trainer.run()

    losses = [row.values["train_loss"] for row in trainer.state.history]
    assert losses[-1] < losses[0]


def test_only_the_last_step_is_kept_when_the_interval_is_long(tmp_path: Path) -> None:
    trainer = runs.make_trainer(runs.tiny_spec(checkpoint_interval_seconds=3600), tmp_path)

    trainer.run()

    written = [e.step for e in events(trainer) if isinstance(e, CheckpointWritten)]
    assert written == [runs.TOTAL_STEPS]


def test_a_resume_in_mid_epoch_ends_with_the_same_bits(tmp_path: Path) -> None:
    runs.resume_after_three(runs.tiny_spec(), tmp_path).ended_alike()


def test_a_resumed_run_writes_the_whole_history(tmp_path: Path) -> None:
    trainer = runs.make_trainer(runs.tiny_spec(), tmp_path)
    trainer.run()
    saved = checkpoint.read(tmp_path / "checkpoint-10.pt")

    resumed = runs.make_trainer(runs.tiny_spec(), tmp_path, saved=saved)
    metrics_file.write(tmp_path / "metrics.csv", resumed.state.history)

    with (tmp_path / "metrics.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["5", "10"]


@pytest.mark.parametrize("spec", [runs.tiny_spec(), runs.plain_spec()])
def test_a_net_that_went_bad_stops_the_run(spec: runs.JobSpec, tmp_path: Path) -> None:
    trainer = runs.make_trainer(spec, tmp_path)
    with torch.no_grad():
        next(trainer.learner.net.parameters()).fill_(torch.nan)

    with pytest.raises(NonFiniteLoss, match="the base loss became nan at step 1"):
        trainer.run()

    assert list(tmp_path.iterdir()) == []  # no checkpoint holds the bad weights


def test_leave_writes_a_checkpoint_of_where_the_run_stands(tmp_path: Path) -> None:
    control = tmp_path / "control"
    control.write_text("leave\n")
    trainer = runs.make_trainer(runs.tiny_spec(), tmp_path, Control(control))

    with pytest.raises(LeaveRequested):
        trainer.run()

    assert (tmp_path / "checkpoint-0.pt").exists()


def test_stop_before_the_first_evaluation_evaluates(tmp_path: Path) -> None:
    control = tmp_path / "control"
    control.write_text("stop")
    trainer = runs.make_trainer(runs.tiny_spec(), tmp_path, Control(control))

    best = trainer.run()

    assert trainer.state.stopped_early
    assert best.epoch == 1


def test_a_control_file_that_says_something_else_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "control"
    file.write_text("hurry")
    control = Control(file)

    assert [control.wish(), control.wish()] == [None, None]
    assert capsys.readouterr().err.count("says 'hurry'; it may say stop or leave") == 1


def test_a_checkpoint_of_another_spec_or_dataset_is_refused(tmp_path: Path) -> None:
    spec = runs.tiny_spec()
    dataset = runs.make_trainer(spec, tmp_path).dataset
    good = identity.identity(spec, dataset, Inputs())
    other = identity.identity(runs.tiny_spec(seed=4), dataset, Inputs())

    identity.check(good, good, dataset)
    with pytest.raises(CheckpointUnusable, match="another spec"):
        identity.check(other, good, dataset)
    with pytest.raises(BadData, match="digits has changed since"):
        identity.check(good | {"dataset_digest": "0" * 64}, good, dataset)
    with pytest.raises(BadSpec, match=r"distillation\.teacher: the file has changed since"):
        identity.check(
            good | {"distillation.teacher": "a" * 64},
            good | {"distillation.teacher": "b" * 64},
            dataset,
        )


def test_name_and_tags_do_not_make_another_spec() -> None:
    spec = runs.tiny_spec()

    assert identity.spec_hash(spec) == identity.spec_hash(spec.model_copy(update={"name": "x"}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    assert choose_device("auto").type == "cpu"
    with pytest.raises(BadSpec, match="--device cuda"):
        choose_device("cuda")
