"""What is seen of objects pasted over one another."""

import numpy as np

from netaug_core.data.scenes import composition
from netaug_core.data.scenes.backgrounds import TEXTURES, Backgrounds, read_backgrounds
from netaug_core.data.scenes.composition import compose
from netaug_core.data.scenes.cutouts import Cutout
from netaug_core.data.scenes.fashion import silhouette

PHOTO_WIDTH = 640
BLACK = Backgrounds((np.zeros((50, 50, 3), np.uint8),))


class OneColour:
    """A square of one colour, class 3."""

    def draw(self, random: np.random.Generator) -> Cutout:
        colour = np.array([255, 0, 255], np.uint8)
        return Cutout(
            np.broadcast_to(colour, (20, 20, 3)), np.full((20, 20), 255, np.uint8), label=3
        )


def scenes(count: int = 40) -> list[composition.Scene]:
    return [compose(np.random.default_rng(n), OneColour(), BLACK, 96) for n in range(count)]


def test_boxes_lie_in_the_picture_around_what_is_seen() -> None:
    for scene in scenes():
        boxes = scene.annotation.boxes
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= 96).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert set(scene.annotation.labels.tolist()) <= {3}


def test_a_lone_object_fills_its_box_to_the_edges() -> None:
    alone = [
        scene
        for n in range(40)
        if len((scene := compose(np.random.default_rng(n), OneColour(), _Dark(), 96)).annotation)
        == 1
        and scene.annotation.areas[0] > 100
    ]

    assert len(alone) > 3
    for scene in alone:
        left, top, right, bottom = scene.annotation.boxes[0].astype(int)
        lit = scene.pixels[..., 0] >= 128
        rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
        assert (rows[0], columns[0]) == (top, left)
        assert (rows[-1] + 1, columns[-1] + 1) == (bottom, right)
        assert scene.annotation.areas[0] == lit.sum()


class _Dark(Backgrounds):
    """All black, whatever is drawn."""

    def __init__(self) -> None:
        super().__init__(())

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        return np.zeros((size, size, 3), np.uint8)


def test_an_object_hidden_by_another_is_left_out_or_difficult() -> None:
    owner = np.full((20, 20), composition.NOBODY)
    owner[:10, :10] = 0  # 100 of 400 pixels: difficult
    owner[:10, 10:] = 1  # all 100
    owner[10:, :2] = 2  # 20 of 400: left out

    annotation = composition._annotation(owner, [5, 6, 7], [400, 100, 400])

    assert annotation.labels.tolist() == [5, 6]
    assert annotation.difficult.tolist() == [True, False]
    assert annotation.areas.tolist() == [100, 100]
    assert annotation.boxes.tolist() == [[0, 0, 10, 10], [10, 0, 20, 10]]


def test_some_scenes_are_empty() -> None:
    sizes = [len(scene.annotation) for scene in scenes(60)]

    assert min(sizes) == 0
    assert max(sizes) > 2


def test_a_black_print_belongs_to_the_garment() -> None:
    grey = np.zeros((28, 28), np.uint8)
    grey[4:24, 8:20] = 200
    grey[10:15, 12:16] = 0

    assert silhouette(grey).sum() == 20 * 12
    assert silhouette(np.zeros((28, 28), np.uint8)).all()


def test_the_parts_see_different_regions_of_the_photos() -> None:
    train, test = read_backgrounds()

    for learnt, tested in zip(train.photos, test.photos, strict=True):
        assert learnt.shape[1] + tested.shape[1] < PHOTO_WIDTH
        assert not np.array_equal(learnt[:, -1], tested[:, 0])


def test_every_texture_has_the_size_that_was_asked_for() -> None:
    for texture in TEXTURES:
        drawn = texture(np.random.default_rng(0), 40)
        assert drawn.shape == (40, 40, 3)
        assert np.isfinite(drawn).all()
        assert drawn.std() > 1
