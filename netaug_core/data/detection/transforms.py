"""Pictures and their objects as the network's input: varied for training, as they are else.

Every random number is a function of the seed, the epoch and the picture's position: a resumed run
sees what it would have seen. B pictures, M objects in all of them, S side of the input.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netaug_core.data import decoding
from netaug_core.data.counters import Indices, uniforms
from netaug_core.data.crops import PixelBox
from netaug_core.data.detection import mosaic, photometric, views, windows
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.photometric import Colours, Strengths
from netaug_core.data.detection.views import View
from netaug_core.data.sources import Draws
from netaug_core.detection.annotation import Annotation, Boxes, Flags, Labels
from netaug_core.detection.boxes import Objects
from netaug_core.detection.placement import PLACES, Placement, Resize

FILL = (124, 116, 104)  # ImageNet's mean, as SSD has it: about 0 after normalisation
HALF = 0.5
SIZE_STREAM = 0x7369_6465  # draws of its own, apart from every other use of the seed
# The draws of one picture.
ZOOM = slice(0, windows.ZOOM_DRAWS)
CROP = slice(ZOOM.stop, ZOOM.stop + windows.CROP_DRAWS)
COLOUR = slice(CROP.stop, CROP.stop + photometric.NUM_DRAWS)
MOSAIC = slice(COLOUR.stop, COLOUR.stop + mosaic.NUM_DRAWS)
FLIP, IS_MOSAIC = MOSAIC.stop, MOSAIC.stop + 1
NUM_DRAWS = IS_MOSAIC + 1


@dataclass(frozen=True)
class Variation:
    """How training pictures vary.

    Attributes:
        resize: letterbox keeps proportions and fills up; stretch does not.
        horizontal_flip: every other picture is mirrored.
        crop: SSD's crops, which keep objects.
        zoom_out: SSD's zoom-out, before the crop.
        mosaic: this share of pictures are put together of four.
        colours: of SSD's distortions.
    """

    resize: Resize = "stretch"
    horizontal_flip: bool = True
    crop: bool = True
    zoom_out: bool = True
    mosaic: float = 0.0
    colours: Strengths = field(default_factory=Strengths)


@dataclass(frozen=True)
class LoadedBatch:
    """Attributes: images: (B, 3, S, S) uint8. colours: to be applied on the device, if any."""

    images: Tensor
    objects: Objects
    colours: Colours | None = None


@dataclass(frozen=True)
class DetectionTransform:
    """Varies picture i of an epoch by numbers that depend on (seed, epoch, i) alone."""

    variation: Variation
    seed: int

    def load(self, part: DetectionPart, positions: Indices, epoch: int, size: int) -> LoadedBatch:
        """Decode, cut, resize and mirror pictures, and their boxes with them."""
        draws = uniforms(self.seed, epoch, positions, NUM_DRAWS)
        images = views.blank(len(positions), size, FILL)
        found = []
        for canvas, position, own in zip(images, positions.tolist(), draws, strict=True):
            seen = [
                _painted(canvas, part, place, view)
                for place, view in self._tiles(part, position, own, size)
            ]
            is_mirrored = self.variation.horizontal_flip and own[FLIP] < HALF
            if is_mirrored:
                canvas.copy_(canvas.flip(2))
            found.append(_Seen.joined(seen, mirror_of=size if is_mirrored else None))
        return LoadedBatch(images, _objects(found), self._colours(draws))

    def _tiles(
        self, part: DetectionPart, position: int, draws: Draws, size: int
    ) -> list[tuple[int, View]]:
        """Which pictures make up the input, and where they go."""
        if draws[IS_MOSAIC] >= self.variation.mosaic:
            return [(position, self._view(part.annotations[position], draws, size))]
        own = draws[MOSAIC]
        places = [position, *mosaic.partners(own, len(part))]
        shapes = [(part.annotations[p].width, part.annotations[p].height) for p in places]
        return [
            (place, mosaic.tile(own, number, shape, size))
            for number, (place, shape) in enumerate(zip(places, shapes, strict=True))
        ]

    def _view(self, annotation: Annotation, draws: Draws, size: int) -> View:
        window = windows.whole(annotation.width, annotation.height)
        if self.variation.zoom_out:
            window = windows.zoomed_out(draws[ZOOM], window)
        if self.variation.crop:
            wanted = annotation.boxes[~annotation.ignored]
            window = windows.cropped(draws[CROP], window, wanted)
        shape = (annotation.width, annotation.height)
        return views.fitted(window, shape, size, letterbox=self.variation.resize == "letterbox")

    def _colours(self, draws: Draws) -> Colours | None:
        strengths = self.variation.colours
        return None if strengths.is_off else photometric.choose(strengths, draws[:, COLOUR])


@dataclass(frozen=True, eq=False)
class _Seen:
    """The objects that the input shows of a picture."""

    boxes: Boxes
    labels: Labels
    ignored: Flags

    @staticmethod
    def joined(several: list["_Seen"], *, mirror_of: int | None) -> "_Seen":
        """As one; mirrored in an input of side `mirror_of`."""
        boxes = np.concatenate([one.boxes for one in several])
        if mirror_of is not None:
            boxes[:, [0, 2]] = mirror_of - boxes[:, [2, 0]]
        return _Seen(
            boxes,
            np.concatenate([one.labels for one in several]),
            np.concatenate([one.ignored for one in several]),
        )


def _painted(canvas: Tensor, part: DetectionPart, position: int, view: View) -> _Seen:
    _paint(canvas, part, position, view)
    annotation = part.annotations[position]
    shown, chosen = view.kept(annotation.boxes)
    return _Seen(shown[chosen], annotation.labels[chosen], annotation.ignored[chosen])


def _paint(canvas: Tensor, part: DetectionPart, position: int, view: View) -> None:
    path = part.paths[position]
    with decoding.naming(path):
        views.paint(canvas, decoding.open_picture(path), view)


def _objects(found: list[_Seen]) -> Objects:
    counts: NDArray[np.int64] = np.array([len(one.labels) for one in found], np.int64)
    return Objects(
        boxes=torch.from_numpy(np.concatenate([one.boxes for one in found])),
        labels=torch.from_numpy(np.concatenate([one.labels for one in found])),
        picture=torch.from_numpy(np.repeat(np.arange(len(found)), counts)),
        ignore=torch.from_numpy(np.concatenate([one.ignored for one in found])),
    )


def load_whole(
    part: DetectionPart, positions: Indices, size: int, resize: Resize
) -> tuple[Tensor, tuple[Placement, ...]]:
    """Pictures (B, 3, S, S) uint8 as they are, and how boxes found there go back to them."""
    images = views.blank(len(positions), size, FILL)
    placements = []
    for canvas, position in zip(images, positions.tolist(), strict=True):
        annotation = part.annotations[position]
        placed = PLACES[resize](annotation.width, annotation.height, size)
        _paint(canvas, part, position, _whole_view(placed))
        placements.append(placed)
    return images, tuple(placements)


def _whole_view(placed: Placement) -> View:
    left, top = (round(offset) for offset in placed.offset)
    across = round(placed.width * placed.scale[0])
    down = round(placed.height * placed.scale[1])
    return View(
        PixelBox(0, 0, placed.width, placed.height),
        PixelBox(left, top, left + across, top + down),
    )


def side_of_batch(sides: tuple[int, ...], *, seed: int, epoch: int, number: int) -> int:
    """The input's side for batch `number` of an epoch, of several; the same on every rank."""
    if len(sides) == 1:
        return sides[0]
    draw = uniforms(seed ^ SIZE_STREAM, epoch, np.array([number], np.int64), 1)[0, 0]
    return sides[int(draw * len(sides))]
