"""From one training to the next, by the command line: other pictures, and a student."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from netaug_core.__main__ import main
from netaug_core.datasets import file_digest
from netaug_core.models import tensors_file
from netaug_core.weights import MODEL_FILE
from tests.netaug_core import runs, shapes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HEAD = ("classifier.weight", "classifier.bias")
AUGMENT = {
    "width_multipliers": [1.0, 2.0],
    "expand_multipliers": [1.0, 2.0],
    "calibration_images": 32,
}


def lineage(out: Path) -> dict[str, Any]:
    """What a run's model card says that its network comes from."""
    card = json.loads((out / "model_card.json").read_text())
    return dict(card["lineage"])


@contextmanager
def own_handlers() -> Iterator[None]:
    """`train` takes the signals over; this process needs them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(root: Path, directory: Path, changes: dict[str, Any], *options: str) -> int:
    """The command line, on pictures below `root`; its exit code. Results go to `out`."""
    document = shapes.make_spec().model_dump(mode="json") | changes
    spec = runs.write_spec(directory, document)
    places = ["--out", str(directory / "out"), "--data", str(root)]
    with own_handlers():
        return main(["train", str(spec), *places, "--device", "cpu", "--threads", "1", *options])


def train(root: Path, name: str, changes: dict[str, Any], *options: str) -> Path:
    """The results of a run that must succeed."""
    assert run(root, root / name, changes, *options) == 0
    return root / name / "out"


def on(dataset: str) -> dict[str, Any]:
    return {**shapes.make_spec().model_dump(mode="json")["data"], "dataset": dataset}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with two sets of pictures, and a network trained on the first of them."""
    root = tmp_path_factory.mktemp("transfer")
    shapes.write_folder(root / "stripes")
    shapes.write_folder(root / "patterns", shapes.OTHER_CLASSES)
    trained = train(root, "first", {})
    shutil.copy(trained / MODEL_FILE, root / MODEL_FILE)
    inputs = root / "inputs"
    inputs.mkdir()
    shutil.copy(trained / MODEL_FILE, inputs / "job_first.safetensors")
    return root


def test_a_network_goes_on_to_other_pictures_with_a_new_head(root: Path) -> None:
    changes: dict[str, Any] = {
        "data": on("patterns"),
        "augment": {**AUGMENT, "sort_channels": False},  # all weights stay in their places
        "pretrained": {"weights": MODEL_FILE, "head": "new"},
        "training": {"epochs": 1, "learning_rate": 1e-6, "weight_decay": 0.0},
    }
    second = train(root, "second", changes)

    source, target = load_file(root / MODEL_FILE), load_file(second / MODEL_FILE)
    convolutions = [name for name, tensor in source.items() if tensor.dim() == 4]
    assert len(convolutions) > 50
    for name in convolutions:  # a rate of a millionth moves them by less than this
        torch.testing.assert_close(target[name], source[name], atol=1e-4, rtol=0.0)
    assert target[HEAD[0]].shape[0] == len(shapes.OTHER_CLASSES)
    assert lineage(second) == {
        "pretrained.weights": {
            "reference": MODEL_FILE,
            "sha256": file_digest(root / MODEL_FILE),
        }
    }
    rebuilt = tensors_file.read(second / MODEL_FILE)
    assert rebuilt.architecture.num_classes == len(shapes.OTHER_CLASSES)


def test_a_student_learns_from_the_network_of_a_job(root: Path) -> None:
    changes: dict[str, Any] = {
        "model": {"name": "mobilenet_v2", "width": 0.2, "input_size": 20},
        "distillation": {"teacher": "job_first", "weight": 0.9},
    }

    taught = train(root, "student", changes, "--inputs", str(root / "inputs"))

    assert lineage(taught) == {
        "distillation.teacher": {
            "reference": "job_first",
            "sha256": file_digest(root / MODEL_FILE),
        }
    }
    student, teacher = (tensors_file.read(out / MODEL_FILE) for out in (taught, root))
    assert student.architecture.num_classes == teacher.architecture.num_classes
    assert student.architecture.blocks != teacher.architecture.blocks


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"data": on("patterns"), "distillation": {"teacher": MODEL_FILE}},
            f"distillation.teacher: {MODEL_FILE} knows other classes than the dataset: it has 2, "
            "the dataset 3; class 0 is 'across' there and 'checked' here",
        ),
        (
            {"data": on("patterns"), "pretrained": {"weights": MODEL_FILE, "head": "keep"}},
            f"pretrained.weights: {MODEL_FILE} has other classes than the dataset: it has 2, the "
            "dataset 3; class 0 is 'across' there and 'checked' here; set pretrained.head to new",
        ),
        (
            {
                "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 28},
                "pretrained": {"weights": MODEL_FILE},
            },
            f"pretrained.weights: {MODEL_FILE} does not fit this network; use the model section "
            "that it was trained with. ",
        ),
        (
            {"pretrained": {"weights": "job_first"}},
            "pretrained.weights: job_first is a job of a service; without one, give --inputs DIR",
        ),
        (
            {"data": {"dataset": "digits"}, "pretrained": {"weights": MODEL_FILE}},
            f"pretrained.weights: {MODEL_FILE} reads pictures of 3 channels, the dataset's have 1",
        ),
    ],
    ids=["teacher", "kept_head", "shapes", "job", "channels"],
)
def test_weights_that_cannot_be_used_are_told_before_any_training(
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    sentence: str,
) -> None:
    assert run(root, tmp_path, changes) == 64

    told = capsys.readouterr().err
    assert f"failed (user_error): {sentence}" in told
    assert list((tmp_path / "out").iterdir()) == []
