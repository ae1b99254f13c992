"""Batches: complete, in an order of their own each epoch, the same from any process."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from netaug_core.data.batches import Feed, TrainingBatch
from netaug_core.data.dataset import Dataset, open_dataset
from netaug_core.data.folder_images import FolderImages
from netaug_core.data.parts import Part
from netaug_core.data.transforms import TrainTransform
from netaug_core.errors import BadData
from netaug_core.sections.data import DataSpec
from tests.netaug_core import shapes

SPEC = shapes.make_spec()


@pytest.fixture(scope="module")
def dataset(data_root: Path) -> Dataset:
    return open_dataset(SPEC.data, (data_root,))


def make_feed(
    dataset: Dataset, num_workers: int = 0, rank: int = 0, num_ranks: int = 1, **data: object
) -> Feed:
    spec = DataSpec.model_validate(SPEC.data.model_dump() | data)
    transform = TrainTransform(spec, 28, seed=0)
    return Feed(transform, dataset.normalisation, torch.device("cpu"), num_workers, rank, num_ranks)


def images_of(batches: Iterable[TrainingBatch]) -> list[torch.Tensor]:
    return [batch.images for batch in batches]


def test_an_epoch_has_complete_batches_only(dataset: Dataset) -> None:
    batches = list(make_feed(dataset).training(dataset.train, 0, 10, 0))

    assert [len(batch.targets.labels) for batch in batches] == [10, 10, 10]  # of 32 images
    assert batches[0].images.shape == (10, 3, 28, 28)
    assert batches[0].targets.partner_labels is None


def test_an_epoch_taken_up_in_the_middle_goes_on_as_if_it_had_not_stopped(
    dataset: Dataset,
) -> None:
    feed = make_feed(dataset)
    whole = list(feed.training(dataset.train, 4, 10, 0))

    rest = list(feed.training(dataset.train, 4, 10, 1))

    assert len(rest) == 2
    for batch, again in zip(whole[1:], rest, strict=True):
        assert torch.equal(batch.images, again.images)
        assert torch.equal(batch.targets.labels, again.targets.labels)


def test_loading_draws_nothing_from_the_global_generator(dataset: Dataset) -> None:
    before = torch.get_rng_state()

    list(make_feed(dataset).training(dataset.train, 0, 10, 0))

    assert torch.equal(torch.get_rng_state(), before)


def test_worker_processes_decode_the_same_batches(dataset: Dataset) -> None:
    here = images_of(make_feed(dataset).training(dataset.train, 1, 10, 0))

    there = images_of(make_feed(dataset, num_workers=1).training(dataset.train, 1, 10, 0))

    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


def test_a_damaged_picture_in_a_worker_is_named_in_one_sentence(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    part = Part(FolderImages((tmp_path / "bad.png",)), np.arange(1), np.zeros(1, np.int64))

    with pytest.raises(BadData, match=r"^data\.dataset: \S*bad\.png is not a readable") as caught:
        list(make_feed(dataset, num_workers=1).evaluation(part))

    assert "\n" not in str(caught.value)


def test_evaluation_sees_every_picture_once_in_order(dataset: Dataset) -> None:
    labels = torch.cat([labels for _, labels in make_feed(dataset).evaluation(dataset.test)])

    assert labels.tolist() == dataset.test.labels.tolist()


def test_calibration_takes_the_same_subset_each_time(dataset: Dataset) -> None:
    feed = make_feed(dataset)

    first, second = (list(feed.calibration(dataset.train, 12)) for _ in range(2))

    assert sum(map(len, first)) == 12
    assert torch.equal(first[0], second[0])


@pytest.mark.parametrize("mixing", [{"mixup": 0.5}, {"cutmix": 1.0}], ids=str)
def test_two_ranks_see_what_one_process_sees_mixed_or_not(
    dataset: Dataset, mixing: dict[str, float]
) -> None:
    alone = list(make_feed(dataset, **mixing).training(dataset.train, 0, 10, 0))

    ranks = [
        list(make_feed(dataset, 0, rank, 2, **mixing).training(dataset.train, 0, 10, 0))
        for rank in range(2)
    ]

    for batch, first, second in zip(alone, *ranks, strict=True):
        assert torch.equal(torch.cat([first.images, second.images]), batch.images)
        whole, one, other = batch.targets, first.targets, second.targets
        assert whole.share == one.share == other.share
        assert torch.equal(torch.cat([one.labels, other.labels]), whole.labels)
        assert whole.partner_labels is not None
        assert torch.equal(whole.partner_labels, whole.labels.roll(-1))


def test_mixed_batches_resume_as_if_they_had_not_stopped(dataset: Dataset) -> None:
    feed = make_feed(dataset, mixup=0.5, cutmix=1.0)
    whole = list(feed.training(dataset.train, 1, 10, 0))

    rest = list(feed.training(dataset.train, 1, 10, 2))

    assert torch.equal(rest[0].images, whole[2].images)
    assert rest[0].targets.share == whole[2].targets.share


def test_calibration_is_never_mixed(dataset: Dataset) -> None:
    mixed = next(iter(make_feed(dataset, mixup=1.0).calibration(dataset.train, 12)))
    plain = next(iter(make_feed(dataset).calibration(dataset.train, 12)))

    assert torch.equal(mixed, plain)


def test_a_second_epoch_decodes_nothing(data_root: Path, tmp_path: Path) -> None:
    shutil.copytree(data_root, tmp_path, dirs_exist_ok=True)
    prepared = {"crop": "resized", "preparation": {"short_side": 32}}
    spec = DataSpec.model_validate(SPEC.data.model_dump() | prepared)
    plain = open_dataset(spec, (data_root,))
    kept = open_dataset(spec, (tmp_path,), image_cache_bytes=1 << 20)
    feed = make_feed(kept, **prepared)
    list(feed.training(kept.train, 0, 8, 0))  # 32 pictures: every one

    for path in tmp_path.glob("*/train/*/*"):
        become_undecodable(path)
    second = images_of(feed.training(kept.train, 1, 8, 0))

    expected = images_of(make_feed(plain, **prepared).training(plain.train, 1, 8, 0))
    assert all(torch.equal(a, b) for a, b in zip(second, expected, strict=True))


def become_undecodable(path: Path) -> None:
    """Yet unchanged, by its size and time."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_workers_fill_the_cache_and_change_no_picture(data_root: Path) -> None:
    prepared = {"crop": "resized", "preparation": {"short_side": 32, "format": "jpeg"}}
    spec = DataSpec.model_validate(SPEC.data.model_dump() | prepared)
    kept = open_dataset(spec, (data_root,), image_cache_bytes=1 << 20)
    plain = open_dataset(spec, (data_root,))
    expected = images_of(make_feed(plain, **prepared).training(plain.train, 0, 10, 0))

    for num_workers in (2, 0):
        feed = make_feed(kept, num_workers, **prepared)
        images = images_of(feed.training(kept.train, 0, 10, 0))
        assert all(torch.equal(a, b) for a, b in zip(images, expected, strict=True))

    assert isinstance(kept.train.source, FolderImages)
    assert kept.train.source.cache is not None
    assert kept.train.source.cache.used_bytes > 0
