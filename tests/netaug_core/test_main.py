"""The command line's edge: every failure has its class, its sentence and its exit code."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from netaug_core.__main__ import main, read_spec
from netaug_core.errors import BadSpec, FailureClass
from netaug_core.events import Failed, parse_line
from tests.netaug_core import runs


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """`train` takes the signals over; this process needs them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fail(tmp_path: Path, spec: str, *options: str) -> tuple[int, Failed]:
    """Exit code and the only event of a run that cannot start."""
    (tmp_path / "spec.json").write_text(spec)
    reading, writing = os.pipe()
    arguments = ["train", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out")]
    code = main([*arguments, "--events-fd", str(writing), "--device", "cpu", *options])
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        (event,) = (parse_line(line) for line in pipe)
    assert isinstance(event, Failed)
    return code, event


def test_a_bad_spec_names_each_wrong_field(tmp_path: Path) -> None:
    document = runs.tiny_document(epochs=0)
    document["model"]["name"] = "resnet"

    code, failed = fail(tmp_path, json.dumps(document))

    assert (code, failed.failure) == (64, FailureClass.USER_ERROR)
    assert "model.name: there is no such model" in failed.message
    assert "training.epochs:" in failed.message
    assert failed.message.endswith("; got 0")


def test_text_that_is_no_document_is_a_bad_spec(tmp_path: Path) -> None:
    code, failed = fail(tmp_path, "{")

    assert (code, failed.failure) == (64, FailureClass.USER_ERROR)
    assert "not valid YAML or JSON" in failed.message


def test_a_missing_spec_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"cannot read the spec .*gone\.yaml: No such file"):
        read_spec(tmp_path / "gone.yaml")


def test_an_unknown_dataset_is_bad_data(tmp_path: Path) -> None:
    document = runs.tiny_document()
    document["data"]["dataset"] = "nowhere"

    code, failed = fail(tmp_path, json.dumps(document), "--data", str(tmp_path))

    assert (code, failed.failure) == (65, FailureClass.BAD_DATA)
    assert "there is no dataset 'nowhere'" in failed.message


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.pt")

    code, failed = fail(tmp_path, json.dumps(runs.tiny_document()), "--resume", gone)

    assert (code, failed.failure) == (69, FailureClass.INFRA_LOST)
    assert "gone.pt" in failed.message


def test_an_unwritable_directory_is_told_as_a_lost_machine_with_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file where the directory should be")

    code, failed = fail(tmp_path, json.dumps(runs.tiny_document()))

    assert (code, failed.failure) == (1, FailureClass.INFRA_LOST)
    assert failed.message.startswith("FileExistsError")
    assert "Traceback" in capsys.readouterr().err


def test_to_a_person_a_failure_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text("name: x")

    code = main(["train", str(tmp_path / "spec.yaml"), "--out", str(tmp_path)])

    assert code == 64
    assert "failed (user_error): model: Field required" in capsys.readouterr().err


@pytest.mark.parametrize("threads", ["0", "-1", "two"])
def test_threads_must_be_a_positive_number(
    threads: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "spec", "--out", "out", "--threads", threads])

    assert ended.value.code == 2
    assert "--threads" in capsys.readouterr().err


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    assert "75 left with a checkpoint" in " ".join(capsys.readouterr().out.split())
