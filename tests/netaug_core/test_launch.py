"""The command line on several devices: real processes, their files, exit codes and ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from netaug_core.errors import FailureClass
from netaug_core.events import CheckpointWritten, Failed, Finished, Left, Started
from netaug_core.training import checkpoint
from tests.netaug_core import runs, shapes

pytestmark = pytest.mark.slow
STEPS = 18
LAST = f"checkpoint-{STEPS}.pt"
TWO = ("--devices", "2", "--device", "cpu")


def document(**training: object) -> dict[str, Any]:
    found = runs.small_document(**{"epochs": STEPS // 3, **training})
    found["data"]["batch_size"] = 430  # 3 steps an epoch
    return found


def start(directory: Path, spec: dict[str, Any], *options: str) -> runs.Process:
    return runs.start(runs.write_spec(directory, spec), directory / "out", *TWO, *options)


def learner_in(file: Path) -> dict[str, Any]:
    return dict(checkpoint.read(file)["learner"]["net"])


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a whole run on two devices."""
    directory = tmp_path_factory.mktemp("undisturbed")
    process = start(directory, document())
    events = process.rest()
    code, errors = process.wait()
    assert (code, type(events[-1])) == (0, Finished), errors
    started = next(e for e in events if isinstance(e, Started))
    assert started.environment["num_devices"] == 2
    assert sum(isinstance(e, Started | Finished) for e in events) == 2  # one process tells
    steps = [e.step for e in events if isinstance(e, CheckpointWritten)]
    assert steps == sorted(set(steps))
    return directory / "out"


def test_only_the_files_of_one_process_are_left(undisturbed: Path) -> None:
    names = {path.name for path in undisturbed.iterdir()}

    models = {"model.onnx", "model.safetensors", "model_card.json", "model_card.md", "metrics.csv"}
    assert names == {f"checkpoint-{STEPS - 1}.pt", LAST, *models}


def test_torchrun_trains_the_same_bits(undisturbed: Path, tmp_path: Path) -> None:
    spec = runs.write_spec(tmp_path, document())
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    trainer = ["-m", "netaug_core", "train", str(spec), "--out", str(tmp_path / "out")]
    command = [*torchrun, "--nproc-per-node", "2", *trainer, "--threads", "1", "--device", "cpu"]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("finished: test_accuracy") == 1
    assert_same(learner_in(tmp_path / "out" / LAST), learner_in(undisturbed / LAST))


def test_leaving_writes_one_checkpoint_and_a_resume_ends_with_the_same_bits(
    undisturbed: Path, tmp_path: Path
) -> None:
    control = tmp_path / "control"
    process = start(tmp_path, document(checkpoint_interval_seconds=3600), "--control", str(control))
    assert isinstance(process.next_event(), Started)
    control.write_text("leave")
    events = process.rest()
    code, errors = process.wait()
    left = events[-1]
    assert code == 75, errors
    assert isinstance(left, Left)
    assert left.step < STEPS
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"checkpoint-{left.step}.pt"]

    found = str(tmp_path / "out" / f"checkpoint-{left.step}.pt")
    again = start(tmp_path, document(checkpoint_interval_seconds=3600), "--resume", found)
    assert isinstance(again.rest()[-1], Finished)

    assert again.wait()[0] == 0
    assert_same(learner_in(tmp_path / "out" / LAST), learner_in(undisturbed / LAST))


def test_stop_finishes_on_both_devices(tmp_path: Path) -> None:
    control = tmp_path / "control"
    control.write_text("stop")
    process = start(tmp_path, document(), "--control", str(control))

    events = process.rest()
    code, errors = process.wait()

    assert code == 0, errors
    assert isinstance(events[-1], Finished)
    assert events[-1].result["stopped_early"] is True


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[runs.Process]:
    """A run that has begun, of more epochs than any test waits for."""
    process = start(tmp_path, document(epochs=10_000, checkpoint_interval_seconds=3600))
    assert isinstance(process.next_event(), Started)
    yield process
    process.process.kill()
    process.process.wait()


@pytest.mark.parametrize("member", [0, 1, None], ids=["first", "second", "launcher"])
def test_sigterm_to_any_process_makes_all_leave(
    long_run: runs.Process, tmp_path: Path, member: int | None
) -> None:
    launcher = long_run.process.pid
    os.kill(launcher if member is None else members(launcher)[member], signal.SIGTERM)

    last = long_run.rest()[-1]
    code, errors = long_run.wait()

    assert code == 75, errors
    assert isinstance(last, Left)
    assert (tmp_path / "out" / f"checkpoint-{last.step}.pt").exists()


@pytest.mark.parametrize("member", [0, 1], ids=["first", "second"])
def test_a_killed_process_ends_the_others(long_run: runs.Process, member: int) -> None:
    found = members(long_run.process.pid)

    os.kill(found[member], signal.SIGKILL)
    events = long_run.rest()
    code, errors = long_run.wait()

    assert code == 128 + signal.SIGKILL
    assert f"the process of device {member} was ended by SIGKILL" in errors
    assert not any(isinstance(event, Failed | Left | Finished) for event in events)
    assert not any(Path(f"/proc/{pid}").exists() for pid in found)


def test_processes_do_not_outlive_the_launcher(long_run: runs.Process) -> None:
    long_run.process.kill()

    long_run.rest()  # ends when the first process has gone: it held the other end
    _, errors = long_run.wait()  # and this when none is left that could write to stderr

    assert "Traceback" not in errors


def test_a_batch_that_cannot_be_divided_is_told_once(tmp_path: Path) -> None:
    spec = document()
    spec["data"]["batch_size"] = 255

    process = start(tmp_path, spec)
    events = process.rest()

    assert process.wait()[0] == 64
    [failed] = events
    assert isinstance(failed, Failed)
    assert failed.failure is FailureClass.USER_ERROR
    assert failed.message.startswith("data.batch_size must be a multiple of 2")


def test_a_diverged_run_is_told_once(tmp_path: Path) -> None:
    diverging = runs.tiny_document(learning_rate=100.0, warmup_epochs=0, epochs=40)
    diverging["data"]["batch_size"] = 430
    process = start(tmp_path, diverging)

    events = process.rest()

    assert process.wait()[0] == 66
    assert [e.failure for e in events if isinstance(e, Failed)] == [FailureClass.DIVERGED]


def test_what_one_device_cannot_read_is_told_though_the_other_only_lost_it(tmp_path: Path) -> None:
    shapes.write_folder(tmp_path / "data" / "stripes")
    broken = tmp_path / "data" / "stripes" / "train" / "down" / "7.png"
    broken.write_bytes(b"no picture")
    spec = shapes.make_spec().model_dump(mode="json")

    process = start(tmp_path, spec, "--data", str(tmp_path / "data"))
    events = process.rest()

    assert process.wait()[0] == 65
    [failed] = [event for event in events if isinstance(event, Failed)]
    assert failed.failure is FailureClass.BAD_DATA
    assert str(broken) in failed.message


def members(launcher: int) -> list[int]:
    """The processes of the devices, the first one first."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    by_rank = {}
    for pid in children:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        by_rank[int(arguments[arguments.index(b"--rank") + 1])] = int(pid)
    return [by_rank[rank] for rank in sorted(by_rank)]
