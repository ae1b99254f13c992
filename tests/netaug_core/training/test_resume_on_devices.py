"""Two real processes that train together resume exactly, whichever of them is asked to leave."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from netaug_core.spec import JobSpec
from netaug_core.training.devices import Group
from tests.netaug_core import small_detection, small_training
from tests.netaug_core.ranks import Ranks
from tests.netaug_core.small_training import EVERYTHING, Place, assert_same_bits

NEVER = 10_000
OWN_NETS: dict[str, Any] = {"augment": {"sample_per_device": True}}
SHARED_STATISTICS: dict[str, Any] = {"training": {"batch_norm": "all_devices"}}
DOCUMENTS = {
    "own nets": small_training.document(EVERYTHING, OWN_NETS),
    "shared statistics": small_training.document(EVERYTHING, SHARED_STATISTICS),
    "plain": small_training.document({"augment": None}),
    "detector": small_detection.document(
        small_detection.EVERYTHING, {"training": {"epochs": small_training.EPOCHS}}
    ),
}


def trained(
    group: Group, document: dict[str, Any], root: Path, directory: Path, looks: Sequence[list[int]]
) -> dict[str, Any]:
    """What a training leaves on this device; each attempt's looks are given device by device."""
    place = Place(root, directory, group)
    own = [attempt[group.rank.number] for attempt in looks]
    spec = JobSpec.model_validate(document)
    return small_training.ending(small_training.train_in_attempts(place, spec, own))


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_two_devices_interrupted_again_and_again(
    two_ranks: Ranks, tmp_path: Path, document: dict[str, Any]
) -> None:
    root = small_training.write_data(tmp_path / "data")
    small_detection.write_data(root)
    # The second device before the second step, the first one later, both in the next attempt.
    looks = [[NEVER, 1], [3, NEVER], [2, 2]]

    whole = two_ranks.run(trained, document, root, tmp_path / "whole", [])
    again = two_ranks.run(trained, document, root, tmp_path / "again", looks)

    for found, expected in zip(again, whole, strict=True):
        assert_same_bits(found, expected)
