"""Batches as they reach the network."""

from pathlib import Path

import pytest
import torch

from netaug_core.data.detection.feed import ALONE, DetectionBatch, DetectionFeed
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.transforms import DetectionTransform, Variation
from netaug_core.data.order import Rank
from netaug_core.data.parts import Normalisation
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> DetectionPart:
    """Twelve pictures."""
    several = [
        detection_sets.part(tmp_path_factory.mktemp("pictures"), f"{name}") for name in "abc"
    ]
    return DetectionPart(
        tuple(path for one in several for path in one.paths),
        tuple(annotation for one in several for annotation in one.annotations),
    )


def feed(rank: Rank = ALONE, *, workers: int = 0) -> DetectionFeed:
    return DetectionFeed(
        DetectionTransform(Variation(), seed=5),
        IMAGENET,
        torch.device("cpu"),
        size=64,
        sides=(32, 64),
        num_workers=workers,
        rank=rank,
    )


def same(one: DetectionBatch, other: DetectionBatch) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(
        one.objects.boxes, other.objects.boxes
    )


def test_a_resume_within_an_epoch_sees_what_it_would_have_seen(part: DetectionPart) -> None:
    whole = list(feed().training(part, epoch=1, batch_size=3, first=0))
    rest = list(feed().training(part, epoch=1, batch_size=3, first=2))

    assert len(whole) == 4
    assert all(same(*pair) for pair in zip(whole[2:], rest, strict=True))
    assert {batch.images.shape[-1] for batch in whole} <= {32, 64}


def test_workers_give_what_this_process_gives(part: DetectionPart) -> None:
    here = list(feed().training(part, epoch=0, batch_size=4, first=0))
    there = list(feed(workers=1).training(part, epoch=0, batch_size=4, first=0))

    assert all(same(*pair) for pair in zip(here, there, strict=True))


def test_two_ranks_share_each_batch(part: DetectionPart) -> None:
    whole = next(feed().training(part, epoch=0, batch_size=4, first=0))
    halves = [
        next(feed(Rank(number, 2)).training(part, epoch=0, batch_size=4, first=0))
        for number in range(2)
    ]

    assert torch.equal(torch.cat([half.images for half in halves]), whole.images)
    assert torch.equal(torch.cat([half.objects.boxes for half in halves]), whole.objects.boxes)


def test_every_picture_is_evaluated_once_at_the_size_of_evaluation(part: DetectionPart) -> None:
    batches = list(feed().evaluation(part))

    assert [position for batch in batches for position in batch.positions] == list(range(12))
    assert batches[0].images.shape == (12, 3, 64, 64)
    assert batches[0].placements[0].width == detection_sets.WIDTH
    assert batches[0].images.abs().max() < 3  # normalised


def test_calibration_is_the_same_for_every_run(part: DetectionPart) -> None:
    one, other = (next(feed().calibration(part, 5)) for _ in range(2))

    assert torch.equal(one, other)
    assert one.shape == (5, 3, 64, 64)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_breaks_later_is_named(
    part: DetectionPart, tmp_path: Path, workers: int
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(part.paths[0].read_bytes()[:200])
    spoilt = DetectionPart((broken,), part.annotations[:1])

    with pytest.raises(BadData, match=r"^data\.dataset: .*broken\.png is not a readable image"):
        next(feed(workers=workers).evaluation(spoilt))
