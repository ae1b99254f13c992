"""Two real processes train the detector that one would, and find what one finds."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from netaug_core.training.devices import ONE
from tests.netaug_core import shared_detection, small_detection
from tests.netaug_core.ranks import Ranks
from tests.netaug_core.shared_detection import document

# Sums over 6 + 6 pictures round otherwise than over 12, in float64; weights are of the order of 1.
TOLERANCE = 1e-7
STEPS = 3
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"augment": None},
    "netaug": {"detection": {"widen_neck": True, "mosaic": 0.5, "sides": [64, 96]}},
    "smaller and projected": {
        "augment": {"input_scale": 0.5, "project_gradient": True},
    },
    "ssdlite": {"detection": {"detector": "ssdlite", "width": 0.1}},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_detection.write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("changes", OPTIONS.values(), ids=list(OPTIONS))
def test_two_devices_train_what_one_does_however_the_objects_are_spread(
    two_ranks: Ranks, root: Path, changes: dict[str, Any]
) -> None:
    text = json.dumps(document(changes))

    (found, losses, own), (second, _, others) = two_ranks.run(
        shared_detection.train, root, text, STEPS
    )

    expected, expected_losses, _ = shared_detection.train(ONE, root, text, STEPS)
    assert all(mine != theirs for mine, theirs in zip(own, others, strict=True))
    assert torch.allclose(losses, expected_losses, rtol=1e-6, atol=0)  # ssdlite's is float32
    for name, tensor in expected.items():
        assert torch.allclose(found[name], tensor, rtol=0, atol=TOLERANCE), name
        assert torch.equal(second[name], found[name]), name


def test_devices_that_count_their_own_objects_only_train_another_detector(
    two_ranks: Ranks, root: Path
) -> None:
    # Otherwise the test above could not tell what the mean over the devices is for.
    text = json.dumps(document({"augment": None}))

    (found, _, _), _ = two_ranks.run(_train_counting_alone, root, text)

    expected, _, _ = shared_detection.train(ONE, root, text, 1)
    assert any((found[name] - tensor).abs().max() > 1e-5 for name, tensor in expected.items())


def _train_counting_alone(group: Any, root: Path, text: str) -> Any:
    return shared_detection.train(group, root, text, 1, is_alone_in_counting=True)


@pytest.mark.parametrize("num_pictures", [1, 33, 70])
def test_two_devices_find_exactly_what_one_finds(
    two_ranks: Ranks, root: Path, num_pictures: int
) -> None:
    text = json.dumps(document({"detection": {"score_threshold": 0.0}, "augment": None}))

    (first, loss), (second, other_loss) = two_ranks.run(
        shared_detection.found_by, root, text, num_pictures
    )

    expected, expected_loss = shared_detection.found_by(ONE, root, text, num_pictures)
    assert len(expected) >= num_pictures
    assert first == expected
    assert second == expected
    assert loss == other_loss == pytest.approx(expected_loss, rel=1e-12)


def test_a_mean_over_devices_is_the_same_on_each(two_ranks: Ranks) -> None:
    assert two_ranks.run(shared_detection.means, [3.0, 8.0]) == [5.5, 5.5]
    assert shared_detection.means(ONE, [3.0]) == 3.0


@pytest.mark.parametrize("counts", [[2, 5], [3, 0], [0, 0]], ids=str)
def test_gathered_rows_follow_the_devices(two_ranks: Ranks, counts: list[int]) -> None:
    first, second = two_ranks.run(shared_detection.gathered, counts)

    assert first.tolist() == [[0.0, 0.0]] * counts[0] + [[1.0, 1.0]] * counts[1]
    assert torch.equal(first, second)
