"""The shared memory of decoded pictures."""

import multiprocessing

import numpy as np
import pytest

from netaug_core.data.image_cache import Entry, ImageCache
from netaug_core.errors import BadSpec


def entry(value: int, length: int = 12) -> Entry:
    return Entry(np.full(length, value, np.uint8), height=2, width=2)


def test_what_was_put_comes_back() -> None:
    cache = ImageCache(3, 100)

    cache.put(1, 7, entry(5))

    kept = cache.get(1, 7)
    assert kept is not None
    assert kept.content.tolist() == [5] * 12
    assert (kept.height, kept.width) == (2, 2)
    assert cache.get(0, 7) is None


def test_another_stamp_is_another_picture() -> None:
    cache = ImageCache(1, 100)
    cache.put(0, 7, entry(5))

    assert cache.get(0, 8) is None


def test_no_more_is_kept_than_there_is_room_for() -> None:
    cache = ImageCache(9, 30)

    for place in range(9):
        cache.put(place, 1, entry(place))

    assert [cache.get(place, 1) is not None for place in range(4)] == [True, True, False, False]
    assert cache.used_bytes == 24


def test_a_picture_that_fits_is_kept_after_one_that_did_not() -> None:
    cache = ImageCache(2, 10)

    cache.put(0, 1, entry(1, 11))
    cache.put(1, 1, entry(1, 10))

    assert cache.get(1, 1) is not None


def test_forked_processes_fill_it_for_each_other() -> None:
    cache = ImageCache(40, 1000)
    fork = multiprocessing.get_context("fork")

    def fill(first: int) -> None:
        for place in range(first, 40, 2):
            cache.put(place, 1, entry(place))

    workers = [fork.Process(target=fill, args=(first,)) for first in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    kept = [cache.get(place, 1) for place in range(40)]
    assert [e is not None and (e.content == place).all() for place, e in enumerate(kept)] == [
        True
    ] * 40


def test_memory_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(BadSpec, match=r"image cache of \d+ bytes cannot be had"):
        ImageCache(1, 1 << 62)
