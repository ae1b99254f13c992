"""From a trained network to integers: each field of the section, and real pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netaug_core import datasets
from netaug_core.export import int8_parity, onnx_int8
from netaug_core.export.int8 import Quantiser
from netaug_core.models.network import Network, build
from netaug_core.quantized import preprocessing, reference
from netaug_core.quantized.calibration import CalibrationUnusable
from netaug_core.quantized.model import ConvNumbers, QuantizedModel
from netaug_core.spec import JobSpec
from netaug_core.tasks.classification import Classification
from netaug_core.tasks.detection import Detection
from netaug_core.training import optim
from netaug_core.training.control import LeaveRequested
from netaug_core.training.devices import ALONE, ONE
from netaug_core.weights import Inputs
from tests.netaug_core import small_detection, small_training, trained
from tests.netaug_core.small_training import CPU


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    small_training.write_data(root)
    return small_detection.write_data(root)


def quantiser(root: Path, section: dict[str, Any] | None) -> Quantiser:
    spec = JobSpec.model_validate(small_training.document({"quantization": section}))
    task = Classification.open(spec, (root,), image_cache_bytes=0)
    return Quantiser(task, Inputs(), CPU, lambda: None)


def quantised(root: Path, **section: Any) -> QuantizedModel:
    made = quantiser(root, section)
    found = made.quantise(trained.network(made.task.table))
    assert found is not None
    return found


def integers(model: QuantizedModel) -> list[list[int]]:
    numbers = model.numbers.values()
    return [one.weights.tolist() for one in numbers if isinstance(one, ConvNumbers)]


def test_a_spec_without_the_section_makes_no_integers(root: Path) -> None:
    made = quantiser(root, None)

    assert made.quantise(trained.network(made.task.table)) is None


def test_ranges_decide_what_a_step_stands_for(root: Path) -> None:
    scales = {
        choice: [one.scale for one in quantised(root, ranges=choice).tensors.values()]
        for choice in ("min_max", "percentile", "mse")
    }

    assert scales["min_max"] != scales["percentile"] != scales["mse"] != scales["min_max"]


def test_as_many_pictures_as_asked_for_are_seen_as_they_are(root: Path) -> None:
    made = quantiser(root, {})
    train = made.task.dataset.train

    few, all_ = made.pictures(16), made.pictures(256)

    assert len(few.images) == len(few.labels) == 16
    assert len(all_.images) == len(train) > 16
    feed = made.task.feed(CPU, ALONE, 0)
    ((images, labels),) = feed.evaluation(train)
    assert np.array_equal(all_.images, images.permute(0, 2, 3, 1).numpy())
    assert all_.labels.tolist() == labels.tolist()
    assert quantised(root, calibration_images=16) != quantised(root, calibration_images=20)


def test_fine_tuning_changes_the_weights_and_not_the_ranges(root: Path) -> None:
    plain = quantised(root)
    once, twice = (quantised(root, aware_epochs=epochs) for epochs in (1, 2))

    assert plain.tensors == once.tensors == twice.tensors
    assert integers(plain) != integers(once)
    assert integers(once) != integers(twice)


def test_the_rate_of_fine_tuning_is_the_specs(root: Path) -> None:
    slow, fast = (
        quantised(root, aware_epochs=1, aware_learning_rate=rate) for rate in (0.001, 0.01)
    )

    assert integers(slow) != integers(fast)


def test_fine_tuning_done_again_gives_the_same_integers(root: Path) -> None:
    torch.manual_seed(1)
    first = quantised(root, aware_epochs=2)
    torch.manual_seed(2)
    again = quantised(root, aware_epochs=2)

    assert integers(first) == integers(again)


def test_fine_tuning_leaves_when_it_is_asked_to(root: Path) -> None:
    def leave() -> None:
        raise LeaveRequested

    made = replace(quantiser(root, {"aware_epochs": 1}), before_step=leave)

    with pytest.raises(LeaveRequested):
        made.quantise(trained.network(made.task.table))


def detection(root: Path, change: Callable[[Any], Any]) -> Quantiser:
    spec = small_detection.spec({"quantization": {"aware_epochs": 1}})
    task = Detection.open(spec, (root,))
    task = replace(task, dataset=replace(task.dataset, train=change(task.dataset.train)))
    return Quantiser(task, Inputs(), CPU, lambda: None)


def test_a_detector_is_fine_tuned(root: Path) -> None:
    made = detection(root, lambda train: train.take(np.arange(len(train)).repeat(2)))
    network = trained.detector(made.task.table)

    found = made.quantise(network)

    assert found is not None
    spec = JobSpec.model_validate(
        {**made.task.spec.model_dump(mode="json"), "quantization": {"aware_epochs": 0}}
    )
    plain = replace(made, task=replace(made.task, spec=spec)).quantise(network)
    assert plain is not None
    assert integers(found) != integers(plain)
    assert found.tensors == plain.tensors


def test_a_training_part_that_is_too_small_is_refused(root: Path) -> None:
    made = detection(root, lambda train: train)

    with pytest.raises(CalibrationUnusable, match=r"there are 12: raise quantization\.calibration"):
        made.quantise(trained.detector(made.task.table))


FASHION: dict[str, Any] = {
    "model": {
        "name": "custom",
        "input_size": 28,
        "network": {
            "stem": {"out_channels": 8, "stride": 2},
            "blocks": [
                {"type": "inverted", "out_channels": 12, "mid_channels": 32, "stride": 2},
                {
                    "type": "inverted",
                    "out_channels": 12,
                    "mid_channels": 32,
                    "squeeze_channels": 8,
                    "activation": "h_swish",
                    "shortcut": True,
                },
            ],
            "final": {"out_channels": 48, "kernel": 1},
        },
    },
    "data": {"dataset": "fashion-mnist", "batch_size": 64, "crop": "none"},
    "augment": None,
    "training": {"epochs": 3, "learning_rate": 0.2},
    "quantization": {},
}
NUM_TRAIN, NUM_TEST = 6_000, 2_000
HERE = any(directory.is_dir() for directory in datasets.FASHION_MNIST_DIRS)


def learn(task: Classification) -> Network:
    """A few epochs by hand: a trainer would look at all of the validation part in each."""
    feed, spec = task.feed(CPU, ALONE, 0), task.spec.training
    objective = task.objective(Inputs(), CPU, ONE)
    network = build(task.table, torch.Generator().manual_seed(0))
    optimizer = optim.sgd(network, spec)
    steps_per_epoch = NUM_TRAIN // task.spec.data.batch_size
    for step in range(spec.epochs * steps_per_epoch):
        epoch, number = divmod(step, steps_per_epoch)
        if number == 0:
            batches = feed.training(task.dataset.train, epoch, task.spec.data.batch_size, 0)
        batch = next(batches)
        optim.set_learning_rate(optimizer, optim.learning_rate(step, steps_per_epoch, spec))
        optimizer.zero_grad()
        loss = objective(network(batch.images), objective.prepare(batch.images, batch.targets))
        loss.backward()
        optimizer.step()
    return network.eval()


@pytest.fixture(scope="module")
def fashion() -> tuple[Classification, Network, float]:
    """A task on a part of Fashion-MNIST, a network that learnt it, and its accuracy."""
    if not HERE:
        pytest.skip("no Fashion-MNIST on this machine")
    task = Classification.open(JobSpec.model_validate(FASHION), (), image_cache_bytes=0)
    parts = replace(
        task.dataset,
        train=task.dataset.train.take(np.arange(NUM_TRAIN)),
        test=task.dataset.test.take(np.arange(NUM_TEST)),
    )
    task = replace(task, dataset=parts)
    network = learn(task)
    logits = task.answer(network, parts.test, task.feed(CPU, ALONE, 0), lambda: None, ONE)
    return task, network, task.score(logits, parts.test).accuracy


def as_integers(task: Classification, model: QuantizedModel) -> np.ndarray:
    part = task.dataset.test
    pictures = part.source.load(part.indices, 28).numpy().transpose(0, 2, 3, 1)
    made = Quantiser(task, Inputs(), CPU, lambda: None)
    tables = preprocessing.tables(made.preprocessing(), model.tensors["image"])
    return preprocessing.integers(tables, pictures)


@pytest.mark.parametrize(
    ("section", "most_lost"),
    [
        ({"ranges": "min_max"}, 0.01),
        ({"ranges": "percentile"}, 0.01),
        ({"ranges": "mse"}, 0.01),
        ({"aware_epochs": 1}, 0.005),
    ],
)
def test_eight_bits_lose_less_than_a_point_on_real_pictures(
    fashion: tuple[Classification, Network, float], section: dict[str, Any], most_lost: float
) -> None:
    task, network, accuracy = fashion
    spec = JobSpec.model_validate({**FASHION, "quantization": section})
    task = replace(task, spec=spec)

    model = Quantiser(task, Inputs(), CPU, lambda: None).quantise(network)

    assert accuracy > 0.75
    assert model is not None
    (logits,) = reference.answers(model, as_integers(task, model))
    right = logits[:, 0, 0].argmax(1) == task.dataset.test.labels
    assert right.mean() >= accuracy - most_lost


def test_onnxruntime_decides_as_the_integers_on_real_pictures(
    fashion: tuple[Classification, Network, float], tmp_path: Path
) -> None:
    task, network, _ = fashion
    model = Quantiser(task, Inputs(), CPU, lambda: None).quantise(network)
    assert model is not None
    onnx_int8.write(tmp_path / "model.onnx", model, {})
    images = as_integers(task, model)[:500]

    found = int8_parity.answers(tmp_path / "model.onnx", model, images)

    expected = reference.answers(model, images)
    steps = int8_parity.Steps.between(found, expected)
    assert steps.by_more < 0.1 * (steps.equal + steps.by_one)
    assert steps.largest <= 6
    same = found[0][:, 0, 0].argmax(1) == expected[0][:, 0, 0].argmax(1)
    assert same.mean() > 0.98
