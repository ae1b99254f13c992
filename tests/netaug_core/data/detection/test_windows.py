"""Random windows that keep objects."""

import numpy as np
import pytest

from netaug_core.data.counters import uniforms
from netaug_core.data.detection import windows
from netaug_core.data.detection.views import Window
from netaug_core.data.detection.windows import LEAST_OVERLAPS, cropped, whole, zoomed_out
from netaug_core.detection.matching import overlaps

BOXES = np.array([[10, 10, 40, 30], [70, 50, 95, 75]], np.float32)
PICTURE = whole(100, 80)


def draws(index: int, count: int) -> np.ndarray:
    return uniforms(0, 0, np.array([index]), count)[0]


def as_box(window: Window) -> np.ndarray:
    return np.array([[window.left, window.top, window.right, window.bottom]], np.float32)


def crops() -> list[tuple[float, Window]]:
    """With the least overlap that each was to have."""
    made = []
    for index in range(300):
        own = draws(index, windows.CROP_DRAWS)
        made.append((LEAST_OVERLAPS[int(own[0] * 7)], cropped(own, PICTURE, BOXES)))
    return made


def test_a_crop_keeps_an_object_with_the_overlap_that_was_drawn() -> None:
    middles = (BOXES[:, :2] + BOXES[:, 2:]) / 2
    for least, window in crops():
        box = as_box(window)
        inside = ((middles > box[:, :2]) & (middles < box[:, 2:])).all(1)
        assert inside.any()
        if window != PICTURE:
            assert overlaps(box, BOXES)[0][inside].max() >= least - 1e-6


def test_a_crop_lies_in_the_picture_and_is_not_extreme() -> None:
    for _, window in crops():
        assert window.left >= 0
        assert window.top >= 0
        assert window.right <= 100 + 1e-9
        assert window.bottom <= 80 + 1e-9
        assert 0.5 - 1e-9 <= window.width / window.height <= 2 + 1e-9
        assert window.width >= 30 - 1e-9


def test_crops_differ_and_some_pictures_stay_whole() -> None:
    made = [window for _, window in crops()]

    assert len(set(made)) > 100
    assert any(window == PICTURE for window in made)


def test_a_picture_without_objects_stays_whole() -> None:
    assert cropped(draws(0, windows.CROP_DRAWS), PICTURE, BOXES[:0]) == PICTURE


def test_half_of_the_pictures_are_zoomed_out_and_lie_somewhere_within() -> None:
    zoomed = [zoomed_out(draws(index, windows.ZOOM_DRAWS), PICTURE) for index in range(400)]
    wide = [window for window in zoomed if window != PICTURE]

    assert 150 < len(wide) < 250
    for window in wide:
        assert window.left <= 0 <= 100 <= window.right
        assert window.top <= 0 <= 80 <= window.bottom
        assert window.width / window.height == pytest.approx(100 / 80)
    assert max(window.width for window in wide) > 350
