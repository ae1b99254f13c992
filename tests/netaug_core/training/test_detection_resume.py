"""A detector's training ends alike however often it is interrupted, and whoever loads for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netaug_core import small_detection, small_training
from tests.netaug_core.small_detection import EVERYTHING, spec
from tests.netaug_core.small_training import Place, assert_same_bits, ending

# A look before each step, before the batch of calibration and of evaluation, and at an epoch's end.
LOOKS_PER_EPOCH = small_detection.STEPS_PER_EPOCH + 3
LOOKS = LOOKS_PER_EPOCH * small_detection.EPOCHS - 1  # nothing is asked after the last evaluation
SSDLITE: dict[str, Any] = {
    "detection": {"detector": "ssdlite", "width": 0.1, "sides": [64, 96]},
    "augment": {"input_scale": 0.75},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_detection.write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def places(root: Path, tmp_path: Path) -> Iterator[Place]:
    """A new directory for each training."""
    return (Place(root, tmp_path / str(number)) for number in range(1000))


def test_every_option_at_once_interrupted_wherever_it_can_be(places: Iterator[Place]) -> None:
    expected = ending(small_training.train(next(places), spec(EVERYTHING)))

    for looks in range(LOOKS):
        found = small_training.train_in_attempts(next(places), spec(EVERYTHING), [looks])
        assert_same_bits(ending(found), expected)


@pytest.mark.parametrize("changes", [SSDLITE, {"augment": None}], ids=["ssdlite", "plain"])
def test_other_detectors_interrupted_again_and_again(
    places: Iterator[Place], changes: dict[str, Any]
) -> None:
    found = small_training.train_in_attempts(next(places), spec(changes), [1, 3])

    assert_same_bits(ending(found), ending(small_training.train(next(places), spec(changes))))


def test_loader_workers_change_nothing(places: Iterator[Place]) -> None:
    alone = ending(small_training.train(next(places), spec(EVERYTHING)))

    assert_same_bits(ending(small_training.train(next(places), spec(EVERYTHING), 2)), alone)
