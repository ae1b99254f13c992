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
    assert crops.centre(400, 200) == (112.5, 12.5, 287.5, 187.5)
