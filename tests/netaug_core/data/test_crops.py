import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.data import crops

sides = st.integers(1, 3000)


@given(width=sides, height=sides, seed=st.integers(0, 1000))
def test_a_box_lies_inside_the_picture(width: int, height: int, seed: int) -> None:
    draws = np.random.default_rng(seed).random((20, crops.NUM_DRAWS))

    box = crops.random_resized(draws, width, height)

    assert (box.left >= 0).all()
    assert (box.top >= 0).all()
    assert (box.left + box.width <= width * (1 + 1e-12)).all()
    assert (box.top + box.height <= height * (1 + 1e-12)).all()


def test_in_a_square_picture_area_and_aspect_keep_their_bounds() -> None:
    draws = np.random.default_rng(0).random((2000, crops.NUM_DRAWS))

    box = crops.random_resized(draws, 100, 100)

    area = box.width * box.height / 100**2
    assert area.min() >= crops.MIN_AREA * 0.999
    assert area.max() > 0.9
    assert (box.width / box.height).min() >= crops.MIN_ASPECT * 0.999
    assert (box.width / box.height).max() <= crops.MAX_ASPECT * 1.001


def test_evaluation_looks_at_the_middle_square() -> None:
    assert crops.around_centre(160, 500, 375) == (244, 183)
    assert crops.around_centre(28, 20, 90) == (32, 144)


def test_of_a_long_picture_only_the_middle_is_resized() -> None:
    assert crops.middle(500, 375) == (0, 0, 500, 375)
    assert crops.middle(3, 1001) == (0, 497, 3, 504)
    assert crops.middle(1001, 3) == (497, 0, 504, 3)


@given(width=sides, height=sides, seed=st.integers(0, 1000))
def test_a_box_on_whole_pixels_has_some_and_stays_inside(
    width: int, height: int, seed: int
) -> None:
    draws = np.random.default_rng(seed).random(crops.NUM_DRAWS)

    box = crops.pixel_box(draws, width, height)

    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
