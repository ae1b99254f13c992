"""Boxes move exactly as pixels do."""

import numpy as np
import pytest
import torch

from netaug_core.data.crops import PixelBox
from netaug_core.data.decoding import Plain
from netaug_core.data.detection import views
from netaug_core.data.detection.views import View, Window, fitted, paint

BOX = (12, 8, 36, 20)  # in a picture of 60 x 40


def picture() -> Plain:
    """Black, with a white box."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    return Plain(pixels)


def painted(view: View, size: int) -> torch.Tensor:
    canvas = views.blank(1, size, (0, 0, 0))
    paint(canvas[0], picture(), view)
    return canvas[0, 0]


def white_box(channel: torch.Tensor) -> list[int]:
    lit = channel >= 128
    rows, columns = lit.any(1).nonzero().flatten(), lit.any(0).nonzero().flatten()
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


@pytest.mark.parametrize(
    "window",
    [
        Window(0, 0, 60, 40),
        Window(5, 4, 55, 38),
        Window(-30, -20, 90, 60),
        Window(-60, -5, 60, 75),
        Window(10.4, 6.6, 40.2, 30.9),
    ],
    ids=["whole", "cut", "zoomed out", "to one side", "between pixels"],
)
@pytest.mark.parametrize("letterbox", [True, False])
def test_the_box_is_where_its_pixels_are(window: Window, letterbox: bool) -> None:
    view = fitted(window, (60, 40), 120, letterbox=letterbox)

    shown, chosen = view.kept(np.array([BOX], np.float32))

    assert chosen.tolist() == [True]
    assert white_box(painted(view, 120)) == pytest.approx(shown[0].tolist(), abs=0.75)


def test_a_stretched_picture_fills_the_input() -> None:
    view = fitted(Window(0, 0, 60, 40), (60, 40), 96, letterbox=False)

    assert view.target == PixelBox(0, 0, 96, 96)
    assert view.move(np.array([BOX], np.float32))[0].tolist() == pytest.approx(
        [12 * 1.6, 8 * 2.4, 36 * 1.6, 20 * 2.4]
    )


def test_a_letterboxed_picture_keeps_its_proportions() -> None:
    view = fitted(Window(0, 0, 60, 40), (60, 40), 96, letterbox=True)

    assert view.target == PixelBox(0, 16, 96, 80)
    assert view.move(np.array([BOX], np.float32))[0].tolist() == pytest.approx(
        [12 * 1.6, 16 + 8 * 1.6, 36 * 1.6, 16 + 20 * 1.6]
    )


def test_only_objects_with_their_middle_in_view_are_kept_and_cut_at_its_border() -> None:
    view = View(PixelBox(20, 0, 60, 40), PixelBox(0, 0, 40, 40))
    boxes = np.array([[12, 8, 36, 20], [10, 5, 25, 9], [30, 30, 30.5, 39]], np.float32)

    shown, chosen = view.kept(boxes)

    # The second has its middle left of the cut; the third is half a pixel wide.
    assert chosen.tolist() == [True, False, False]
    assert shown[0].tolist() == [0, 8, 16, 20]


def test_a_sliver_of_a_window_still_shows_a_pixel() -> None:
    view = fitted(Window(59.9, 39.9, 61, 41), (60, 40), 32, letterbox=False)

    assert view.source == PixelBox(59, 39, 60, 40)
    assert painted(view, 32).shape == (32, 32)
