"""A teacher answers as the finished network that it is, and only where it can."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core import weights
from netaug_core.data.batches import Targets
from netaug_core.data.parts import Normalisation
from netaug_core.errors import BadSpec
from netaug_core.models import tensors_file
from netaug_core.models.network import Network, build
from netaug_core.sections.model import ModelSpec
from netaug_core.spec import JobSpec
from netaug_core.training import teacher
from netaug_core.training.distillation import distillation_loss
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective
from netaug_core.training.precision import FORMATS, Precision
from netaug_core.training.teacher import Teacher
from netaug_core.weights import WeightsFile
from tests.netaug_core import runs

CPU = torch.device("cpu")
CLASSES = ("a", "b", "c")
OURS = Normalisation(mean=(0.5,), std=(0.25,))
SIZE = 28
PIXELS = torch.rand(6, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))  # 0..1
LABELS = torch.arange(6) % 3


def normalised(pixels: Tensor, mean: float = 0.5, std: float = 0.25) -> Tensor:
    return (pixels - mean) / std


IMAGES = normalised(PIXELS)


def network(seed: int = 1) -> Network:
    """One that tells the images apart, with running statistics that no initialisation has."""
    model = ModelSpec(name="mobilenet_v2", width=0.1, input_size=SIZE)
    architecture = model.architecture(num_classes=len(CLASSES), in_channels=1)
    net = build(architecture, torch.Generator().manual_seed(seed))
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        net.classifier.weight.normal_(generator=torch.Generator().manual_seed(seed), std=0.1)
        net.train()(IMAGES)
    return net.eval()


def write(root: Path, net: Network, **changes: Any) -> WeightsFile:
    """The network's file as a job leaves it; a change of None leaves that fact out."""
    facts: dict[str, Any] = {
        "classes": list(CLASSES),
        "preprocessing": {"input_size": SIZE, "channels": 1, "mean": [0.5], "std": [0.25]},
        **changes,
    }
    stated = {name: json.dumps(fact) for name, fact in facts.items() if fact is not None}
    tensors_file.write(root / "model.safetensors", net, stated)
    return find(root)


def find(root: Path) -> WeightsFile:
    return weights.find("model.safetensors", field=weights.TEACHER, roots=(root,), inputs=None)


def load(file: WeightsFile, class_names: Sequence[str] = CLASSES, in_channels: int = 1) -> Teacher:
    return teacher.load(
        file,
        class_names=class_names,
        in_channels=in_channels,
        normalisation=OURS,
        device=CPU,
    )


def answer_of(net: Network, images: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = net(images)
    return logits


def test_a_teacher_answers_as_its_network_does(tmp_path: Path) -> None:
    net = network()

    answer = load(write(tmp_path, net))(IMAGES)

    torch.testing.assert_close(answer, answer_of(net, IMAGES))


def test_a_teacher_of_another_normalisation_sees_its_own_pixels(tmp_path: Path) -> None:
    net = network()
    preprocessing = {"input_size": SIZE, "channels": 1, "mean": [0.1], "std": [0.3]}

    answer = load(write(tmp_path, net, preprocessing=preprocessing))(IMAGES)

    expected = answer_of(net, normalised(PIXELS, 0.1, 0.3))
    torch.testing.assert_close(answer, expected, atol=1e-3, rtol=1e-3)  # two roundings of a pixel
    assert not torch.allclose(answer, answer_of(net, IMAGES), atol=1e-2)


def test_a_teacher_of_another_size_sees_the_picture_resized(tmp_path: Path) -> None:
    net = network()
    preprocessing = {"input_size": 36, "channels": 1, "mean": [0.5], "std": [0.25]}

    answer = load(write(tmp_path, net, preprocessing=preprocessing))(IMAGES)

    larger = F.interpolate(IMAGES, (36, 36), mode="bilinear", antialias=True)
    torch.testing.assert_close(answer, answer_of(net, larger))


def test_a_teacher_evaluates_an_image_whatever_is_beside_it_and_learns_nothing(
    tmp_path: Path,
) -> None:
    before = load_file(write(tmp_path, network()).path)
    asked = load(find(tmp_path))

    together = asked(IMAGES)

    apart = torch.cat([asked(image[None]) for image in IMAGES])
    torch.testing.assert_close(together, apart)  # batch statistics would tell them apart
    held = asked._network.state_dict()
    assert all(torch.equal(held[name], tensor) for name, tensor in before.items())


def test_a_teacher_gives_no_gradient_and_takes_none(tmp_path: Path) -> None:
    asked = load(write(tmp_path, network()))
    images = IMAGES.clone().requires_grad_()

    answer = asked(images)
    (answer.sum() + images.sum()).backward()

    assert not answer.requires_grad
    assert images.grad is not None
    assert torch.equal(images.grad, torch.ones_like(images))
    assert not [p for p in asked._network.parameters() if p.requires_grad or p.grad is not None]


@pytest.mark.parametrize("precision", FORMATS)
def test_a_teacher_answers_in_the_format_of_the_students_passes(
    tmp_path: Path, precision: Any
) -> None:
    net = network()
    asked = load(write(tmp_path, net))

    with Precision(precision, CPU).context():
        answer, expected = asked(IMAGES), answer_of(net, IMAGES)

    assert answer.dtype == FORMATS[precision]
    torch.testing.assert_close(answer, expected)
    assert {p.dtype for p in asked._network.parameters()} == {torch.float32}


@pytest.mark.parametrize("precision", FORMATS)
def test_a_student_learns_from_a_teacher_in_every_format(tmp_path: Path, precision: str) -> None:
    learner = make_learner(student(0.5, precision=precision), load(write(tmp_path, network())))

    losses = learner.step(IMAGES, Targets(LABELS), epoch=0, step=0)

    assert losses.dtype == torch.float32  # softmax and divergence are not taken in a short format
    assert bool(losses.isfinite().all())


def student(weight: float, **training: object) -> JobSpec:
    document = runs.tiny_document(**training) | {"augment": None}
    document["model"]["dropout"] = 0.0
    document["distillation"] = {"teacher": "job_1", "weight": weight, "temperature": 2.0}
    return JobSpec.model_validate(document)


def make_learner(spec: JobSpec, asked: Teacher | None) -> Learner:
    architecture = spec.model.architecture(num_classes=len(CLASSES), in_channels=1)
    return Learner(spec, architecture, CPU, objective=Objective.of(spec, asked))


def test_a_step_weighs_the_teachers_answer_against_the_labels(tmp_path: Path) -> None:
    net = network()
    learner = make_learner(student(0.25), load(write(tmp_path, net)))
    twin = make_learner(student(0.25), None)
    logits = twin.net.train()(IMAGES)
    labels = F.cross_entropy(logits, LABELS, label_smoothing=0.1)
    taught = distillation_loss(logits, answer_of(net, IMAGES), 2.0)

    (loss,) = learner.step(IMAGES, Targets(LABELS), epoch=0, step=0)

    torch.testing.assert_close(loss, (0.75 * labels + 0.25 * taught).detach())
    assert abs(loss - labels) > 1e-3


def test_a_student_of_the_teacher_alone_comes_to_answer_as_it_does(tmp_path: Path) -> None:
    net = network()
    learner = make_learner(student(1.0, learning_rate=0.002), load(write(tmp_path, net)))

    first, *_, last = (
        float(learner.step(IMAGES, Targets(LABELS), epoch=0, step=step)[0]) for step in range(30)
    )

    assert last < first / 2


@pytest.mark.parametrize(
    ("class_names", "difference"),
    [
        ("ab", "it has 3, the dataset 2; 'c' is only there"),
        ("abcd", "it has 3, the dataset 4; 'd' is only in the dataset"),
        ("abd", "it has 3, the dataset 3; class 2 is 'c' there and 'd' here"),
        ("acb", "it has 3, the dataset 3; class 1 is 'b' there and 'c' here"),
    ],
)
def test_a_teacher_of_other_classes_is_refused(
    tmp_path: Path, class_names: str, difference: str
) -> None:
    file = write(tmp_path, network())

    with pytest.raises(BadSpec) as refused:
        load(file, class_names)

    assert str(refused.value) == (
        "distillation.teacher: model.safetensors knows other classes than the dataset: "
        f"{difference}; take a teacher that was trained on this dataset"
    )


def test_a_teacher_of_other_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match="sees pictures of 1 channels, the dataset's have 3;"):
        load(write(tmp_path, network()), in_channels=3)


@pytest.mark.parametrize("left_out", ["classes", "preprocessing"])
def test_a_teacher_must_say_its_classes_and_preprocessing(tmp_path: Path, left_out: str) -> None:
    file = write(tmp_path, network(), **{left_out: None})

    with pytest.raises(BadSpec, match="does not say its classes and preprocessing"):
        load(file)


def test_tensors_without_an_architecture_are_no_teacher(tmp_path: Path) -> None:
    save_file(network().state_dict(), tmp_path / "model.safetensors")

    with pytest.raises(BadSpec, match=r"does not say its architecture; a teacher is the model"):
        load(find(tmp_path))


def test_a_teacher_whose_tensors_are_another_networks_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, network())
    tensors = load_file(file.path)
    tensors["stem.conv.weight"] = tensors["stem.conv.weight"][1:].clone()
    save_file(tensors, file.path, dict(file.header.metadata))

    with pytest.raises(BadSpec, match=r"(?s)is no network of this platform: .*stem\.conv\.weight"):
        load(find(tmp_path))


def test_a_teacher_that_holds_nan_is_refused(tmp_path: Path) -> None:
    net = network()
    with torch.no_grad():
        net.classifier.bias.fill_(float("nan"))

    with pytest.raises(BadSpec, match=r"holds NaN, .* in classifier\.bias;"):
        load(write(tmp_path, net))
