"""Four pictures around a random point of the input, as YOLOv4 trains; off by default.

Each keeps its proportions and touches the point with a corner; what is beyond the input is cut.

Source: Bochkovskiy et al., YOLOv4, 2020, section 3.3.
"""

from netaug_core.data.crops import PixelBox
from netaug_core.data.detection.views import View
from netaug_core.data.sources import Draws

NUM_TILES = 4
NUM_PARTNERS = NUM_TILES - 1
CENTRE_MARGIN = 0.25  # of the side; the point is at least this far from the border
LEAST_SCALE = 0.5  # the longer side of a tile, in sides of the input; the most is 1
NUM_DRAWS = 2 + NUM_TILES + NUM_PARTNERS  # the point, the scales, the partners


def partners(draws: Draws, num_pictures: int) -> list[int]:
    """Positions of the other three; any, for the same may come twice. `draws` (NUM_DRAWS,)."""
    return [int(draw * num_pictures) for draw in draws[-NUM_PARTNERS:]]


def tile(draws: Draws, number: int, picture: tuple[int, int], size: int) -> View:
    """Where picture (width, height) goes as tile 0 to 3, from the upper left one by rows."""
    span = 1 - 2 * CENTRE_MARGIN
    centre = [round((CENTRE_MARGIN + span * float(draw)) * size) for draw in draws[:2]]
    longer = (LEAST_SCALE + (1 - LEAST_SCALE) * float(draws[2 + number])) * size
    scale = longer / max(picture)
    ends = []
    for axis, is_before in enumerate((number % 2 == 0, number < NUM_TILES // 2)):
        ends.append(_axis(centre[axis], is_before, picture[axis], scale, size))
    (across, left_right), (down, top_bottom) = ends
    return View(
        PixelBox(across[0], down[0], across[1], down[1]),
        PixelBox(left_right[0], top_bottom[0], left_right[1], top_bottom[1]),
    )


def _axis(
    centre: int, is_before: bool, length: int, scale: float, size: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The part of `length` that is seen, and where, on one side of the centre."""
    room = centre if is_before else size - centre
    whole = max(1, round(length * scale))
    shown = min(whole, room)
    part = min(length, max(1, round(shown / whole * length)))
    if is_before:
        return (length - part, length), (centre - shown, centre)
    return (0, part), (centre, centre + shown)
