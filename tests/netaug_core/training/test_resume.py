"""Whatever is trained, and wherever it is interrupted: the weights are those of a whole run."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netaug_core.families.registry import FAMILIES
from netaug_core.spec import JobSpec
from tests.netaug_core import small_training
from tests.netaug_core.networks import OWN
from tests.netaug_core.small_training import EVERYTHING, Place, assert_same_bits, ending

PLAIN: dict[str, Any] = {"augment": None}
# A look before each step, before each batch of calibration and evaluation, and at an epoch's end.
LOOKS_PER_EPOCH = small_training.STEPS_PER_EPOCH + 3
LOOKS = LOOKS_PER_EPOCH * small_training.EPOCHS - 1  # nothing is asked after the last evaluation
INTERRUPTIONS = 2


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_training.write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def places(root: Path, tmp_path: Path) -> Iterator[Place]:
    """A new directory for each training."""
    return (Place(root, tmp_path / str(number)) for number in range(1000))


def spec_of(*changes: dict[str, Any]) -> JobSpec:
    return JobSpec.model_validate(small_training.document(*changes))


def drawn_looks(name: str) -> list[int]:
    """How far each attempt comes: from nowhere to nearly an epoch."""
    draw = random.Random(name)  # noqa: S311  # to be the same in every run of the tests
    return [draw.randrange(LOOKS_PER_EPOCH - 1) for _ in range(INTERRUPTIONS)]


def family(name: str) -> dict[str, Any]:
    model: dict[str, Any] = {"name": name, "input_size": 32, "network": None}
    if name == "custom":
        model["network"] = OWN
    elif not FAMILIES[name].is_fixed:
        model["width"] = 0.1
    little = {"width_multipliers": [1.0, 1.25], "expand_multipliers": [1.0, 1.5]}
    return {"model": model, "augment": little, "training": {"epochs": 2}}


@pytest.mark.parametrize("name", [*sorted(FAMILIES.keys() - {"resnet50"}), "custom"])
def test_every_family_interrupted_again_and_again(places: Iterator[Place], name: str) -> None:
    spec = spec_of(family(name))

    found = small_training.train_in_attempts(next(places), spec, drawn_looks(name))

    assert_same_bits(ending(found), ending(small_training.train(next(places), spec)))


@pytest.mark.parametrize("name", ["mobilenet_v3", "custom"])
def test_a_plain_network_interrupted_again_and_again(places: Iterator[Place], name: str) -> None:
    spec = spec_of(family(name), PLAIN)

    found = small_training.train_in_attempts(next(places), spec, drawn_looks(name))

    assert_same_bits(ending(found), ending(small_training.train(next(places), spec)))


def test_every_option_at_once_interrupted_wherever_it_can_be(places: Iterator[Place]) -> None:
    spec = spec_of(EVERYTHING)
    expected = ending(small_training.train(next(places), spec))

    for looks in range(LOOKS):
        found = small_training.train_in_attempts(next(places), spec, [looks])
        assert_same_bits(ending(found), expected)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_short_format_interrupted_again_and_again(
    places: Iterator[Place], precision: str
) -> None:
    spec = spec_of(EVERYTHING, {"training": {"precision": precision}})

    found = small_training.train_in_attempts(next(places), spec, drawn_looks(precision))

    assert_same_bits(ending(found), ending(small_training.train(next(places), spec)))


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["netaug", "everything"])
def test_every_checkpoint_of_a_run_leads_to_its_end(
    places: Iterator[Place], changes: dict[str, Any]
) -> None:
    spec = spec_of(changes, {"training": {"checkpoint_interval_seconds": 0}})
    whole, keeper = next(places).trainer(spec, small_training.Asked(None))
    whole.run()

    steps = [saved["step"] for saved in keeper.checkpoints]
    assert steps == list(range(1, small_training.STEPS_PER_EPOCH * small_training.EPOCHS + 1))
    for saved in keeper.checkpoints:
        found = small_training.resume(next(places), spec, saved)
        assert_same_bits(ending(found), ending(whole))


def test_an_interruption_is_no_excuse_for_other_weights() -> None:
    """What compares endings sees a single weight that differs."""
    expected = {"weight": [1.0, 2.0], "count": 1}

    with pytest.raises(AssertionError, match="weight"):
        assert_same_bits(expected | {"weight": [1.0, 2.5]}, expected)
