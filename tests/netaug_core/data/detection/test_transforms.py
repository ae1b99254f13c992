"""Training pictures and their boxes, by numbers that depend on the position alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.photometric import Strengths
from netaug_core.data.detection.transforms import (
    FILL,
    DetectionTransform,
    LoadedBatch,
    Variation,
    load_whole,
    side_of_batch,
)
from netaug_core.detection.boxes import Objects
from netaug_core.errors import BadData
from tests.netaug_core import detection_sets

NOTHING = Variation(
    horizontal_flip=False, crop=False, zoom_out=False, colours=Strengths(0, 0, 0, 0)
)
ALL = np.arange(8)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> DetectionPart:
    """Eight black pictures of 90 x 60 with one white object of class 1 each."""
    folder = tmp_path_factory.mktemp("pictures")
    paths, annotations = [], []
    for number in range(8):
        box = (10 + 4 * number, 5, 40 + 4 * number, 50)
        pixels = np.zeros((60, 90, 3), np.uint8)
        pixels[box[1] : box[3], box[0] : box[2]] = 255
        paths.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
        annotations.append(detection_sets.annotation((box, 1, number == 3), width=90, height=60))
    return DetectionPart(tuple(paths), tuple(annotations))


def load(part: DetectionPart, variation: Variation, positions: np.ndarray = ALL) -> LoadedBatch:
    return DetectionTransform(variation, seed=7).load(part, positions, epoch=2, size=64)


def same(one: LoadedBatch, other: LoadedBatch) -> bool:
    tables = [
        (o.boxes, o.labels.float(), o.picture.float(), o.ignore.float())
        for o in (one.objects, other.objects)
    ]
    return torch.equal(one.images, other.images) and all(
        torch.equal(mine, theirs) for mine, theirs in zip(*tables, strict=True)
    )


def white_boxes(batch: LoadedBatch) -> list[list[int]]:
    """What is white in each picture; fill and black are not."""
    boxes = []
    for image in batch.images:
        lit = image[0] > 190
        rows, columns = lit.any(1).nonzero().flatten(), lit.any(0).nonzero().flatten()
        boxes.append(
            [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
            if len(rows)
            else []
        )
    return boxes


@pytest.mark.parametrize(
    "variation",
    [
        NOTHING,
        replace(NOTHING, resize="letterbox"),
        replace(NOTHING, horizontal_flip=True),
        replace(NOTHING, zoom_out=True),
        replace(NOTHING, crop=True),
        Variation(),
        Variation(resize="letterbox"),
    ],
    ids=["nothing", "letterbox", "flip", "zoom", "crop", "all", "all, letterboxed"],
)
def test_every_box_is_around_its_white_pixels(part: DetectionPart, variation: Variation) -> None:
    batch = load(part, variation)

    seen = white_boxes(batch)
    assert len(batch.objects) >= 6  # small ones may go when zoomed out and cropped
    for box, picture in zip(batch.objects.boxes, batch.objects.picture.tolist(), strict=True):
        assert seen[picture] == pytest.approx(box.tolist(), abs=1.0)


def test_a_mosaic_shows_objects_of_several_pictures_where_they_are(part: DetectionPart) -> None:
    batch = load(part, replace(NOTHING, mosaic=1.0, horizontal_flip=True))

    counts = batch.objects.picture.bincount(minlength=8)
    assert counts.max() > 1
    for box, picture in zip(
        batch.objects.boxes.round().int().tolist(), batch.objects.picture.tolist(), strict=True
    ):
        left, top, right, bottom = box
        inside = batch.images[picture, 0, top + 1 : bottom - 1, left + 1 : right - 1]
        assert (inside > 190).all()
    assert batch.objects.boxes.min() >= 0
    assert batch.objects.boxes.max() <= 64


def test_mirroring_leaves_half_of_the_pictures(part: DetectionPart) -> None:
    plain = load(part, NOTHING)

    epochs = [
        DetectionTransform(replace(NOTHING, horizontal_flip=True), 0).load(part, ALL, epoch, 64)
        for epoch in range(8)
    ]

    stayed = sum(
        torch.equal(image, plain.images[number])
        for batch in epochs
        for number, image in enumerate(batch.images)
    )
    assert 16 < stayed < 48  # of 64


def test_a_picture_is_the_same_in_any_batch_and_after_other_draws(part: DetectionPart) -> None:
    variation = Variation(mosaic=0.5)
    whole = load(part, variation)
    torch.rand(5)
    np.random.default_rng().random(5)

    alone = [load(part, variation, ALL[number : number + 1]) for number in ALL]

    assert same(load(part, variation), whole)
    assert torch.equal(torch.cat([one.images for one in alone]), whole.images)
    assert torch.equal(torch.cat([one.objects.boxes for one in alone]), whole.objects.boxes)
    assert whole.colours is not None
    assert torch.equal(
        torch.cat([one.colours.matrix for one in alone if one.colours]), whole.colours.matrix
    )


def test_the_global_generators_are_left_alone(part: DetectionPart) -> None:
    before = torch.get_rng_state()

    load(part, Variation(mosaic=0.5))

    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_and_seeds_differ(part: DetectionPart) -> None:
    first = DetectionTransform(Variation(), 0).load(part, ALL, 0, 64)

    assert not same(first, DetectionTransform(Variation(), 0).load(part, ALL, 1, 64))
    assert not same(first, DetectionTransform(Variation(), 1).load(part, ALL, 0, 64))


def test_objects_are_numbered_by_picture_and_difficult_ones_are_ignored(
    part: DetectionPart,
) -> None:
    objects = load(part, NOTHING).objects

    assert isinstance(objects, Objects)
    assert objects.picture.tolist() == list(range(8))
    assert objects.picture.dtype == objects.labels.dtype == torch.int64
    assert objects.labels.tolist() == [1] * 8
    assert objects.ignore.tolist() == [number == 3 for number in range(8)]
    assert objects.boxes.dtype == torch.float32


def test_a_batch_without_objects_has_an_empty_table(part: DetectionPart) -> None:
    bare = DetectionPart(
        part.paths[:2], tuple(detection_sets.annotation(width=90, height=60) for _ in range(2))
    )

    batch = load(bare, Variation(mosaic=0.5), ALL[:2])

    assert batch.objects.boxes.shape == (0, 4)
    assert batch.images.shape == (2, 3, 64, 64)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_boxes_found_in_the_whole_picture_go_back_to_it(part: DetectionPart, resize: str) -> None:
    images, placements = load_whole(part, ALL, 96, resize)
    batch = LoadedBatch(images, load(part, NOTHING).objects)

    for seen, placed, annotation in zip(
        white_boxes(batch), placements, part.annotations, strict=True
    ):
        back = placed.undo(torch.tensor([seen], dtype=torch.float32))
        assert back[0].tolist() == pytest.approx(annotation.boxes[0].tolist(), abs=1.0)


def test_what_a_letterbox_leaves_is_filled(part: DetectionPart) -> None:
    images, _ = load_whole(part, ALL[:1], 96, "letterbox")

    assert tuple(images[0, :, 0, 0].tolist()) == FILL


def test_a_picture_that_has_gone_is_named(tmp_path: Path, part: DetectionPart) -> None:
    gone = DetectionPart((tmp_path / "gone.png",), part.annotations[:1])

    with pytest.raises(BadData, match=r"gone\.png is not a readable image"):
        load(gone, NOTHING, ALL[:1])


def test_batches_have_one_of_the_sides_by_their_number() -> None:
    sides = (128, 160, 192)
    drawn = [side_of_batch(sides, seed=3, epoch=1, number=number) for number in range(60)]

    assert set(drawn) == set(sides)
    assert drawn[17] == side_of_batch(sides, seed=3, epoch=1, number=17)
    assert side_of_batch((96,), seed=3, epoch=1, number=0) == 96
