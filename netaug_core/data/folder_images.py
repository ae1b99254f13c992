"""Pictures from files of any size, decoded when they are asked for: more than memory holds.

S side of the network's square input.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # its stubs are not marked as types
import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data import crops, decoding
from netaug_core.data.counters import Indices
from netaug_core.data.crops import PixelBox
from netaug_core.data.decoding import Pixels, as_pixels, as_tensor, open_picture
from netaug_core.data.image_cache import Entry, ImageCache
from netaug_core.data.sources import Draws
from netaug_core.errors import BadData
from netaug_core.sections.data import PreparationSpec

JPEG_QUALITY = 90  # of prepared pictures: 2.5 grey levels off on average, a seventh of the bytes
JPEG_SUBSAMPLING = "420"
# Resizing starts from at least twice the pixels wanted: below that the shortcut would be seen.
MARGIN = 2
PLACES = 2  # of a file in the cache: whole, and prepared


@dataclass(frozen=True)
class FolderImages:
    """Picture files.

    What comes out depends on the files and the arguments alone: `cache` only saves time.

    Attributes:
        paths: of the files.
        preparation: what random crops are cut from; None is the file itself.
        cache: keeps whole pictures of the input's size, and prepared ones; PLACES for each file.
    """

    paths: tuple[Path, ...]
    preparation: PreparationSpec | None = None
    cache: ImageCache | None = None

    def load(self, indices: Indices, size: int, draws: Draws | None = None) -> Tensor:
        """Pictures (B, 3, S, S) uint8, channels last."""
        images = torch.empty(
            (len(indices), 3, size, size), dtype=torch.uint8, memory_format=torch.channels_last
        )
        for row, index in enumerate(indices.tolist()):
            images[row] = (
                self._whole(index, size) if draws is None else self._crop(index, size, draws[row])
            )
        return images

    def check(self) -> None:
        """Read the header of every file.

        Raises:
            BadData: some are not pictures. A later fault shows when the picture is decoded.
        """
        faults = [fault for path in self.paths if (fault := decoding.fault(path)) is not None]
        if not faults:
            return
        more = f"; so are {len(faults) - 1} more files" if len(faults) > 1 else ""
        raise BadData(f"{faults[0]}{more}") from faults[0]

    def _whole(self, index: int, size: int) -> Tensor:
        entry = self._kept(PLACES * index, index, size, self._decode_whole)
        return as_tensor(entry.content.reshape(size, size, 3))

    def _decode_whole(self, path: Path, size: int) -> Entry:
        """The centre square of the picture, resized: Resize and CenterCrop of the usual recipe."""
        with decoding.naming(path):
            picture = open_picture(path)
            short = min(picture.width, picture.height)
            pixels = picture.pixels(MARGIN * size / (short * crops.CENTRE_FRACTION))
        box = crops.middle(pixels.shape[1], pixels.shape[0])
        width, height = crops.around_centre(size, box.right - box.left, box.bottom - box.top)
        left, top = round((width - size) / 2), round((height - size) / 2)
        image = _resized(pixels, box, height, width)[:, top : top + size, left : left + size]
        return Entry(as_pixels(image).reshape(-1), size, size)

    def _crop(self, index: int, size: int, draws: Draws) -> Tensor:
        path = self.paths[index]
        if self.preparation is not None:
            entry = self._kept(
                PLACES * index + 1, index, self.preparation.short_side, self._prepare
            )
            pixels = _unpacked(entry)
        else:
            with decoding.naming(path):
                picture = open_picture(path)
                box = crops.random_resized(draws, picture.width, picture.height)
                pixels = picture.pixels(MARGIN * size / min(float(box.width), float(box.height)))
        height, width, _ = pixels.shape
        return _resized(pixels, crops.pixel_box(draws, width, height), size, size)

    def _prepare(self, path: Path, short_side: int) -> Entry:
        with decoding.naming(path):
            picture = open_picture(path)
            scale = min(1.0, short_side / min(picture.width, picture.height))
            pixels = picture.pixels(MARGIN * scale)
        height = max(1, round(picture.height * scale))
        width = max(1, round(picture.width * scale))
        if (height, width) != pixels.shape[:2]:
            whole = PixelBox(0, 0, pixels.shape[1], pixels.shape[0])
            pixels = as_pixels(_resized(pixels, whole, height, width))
        assert self.preparation is not None  # noqa: S101  # for mypy: its caller looked
        if self.preparation.format == "raw":
            return Entry(pixels.reshape(-1), height, width)
        return Entry(_packed(pixels))

    def _kept(self, place: int, index: int, side: int, make: Callable[[Path, int], Entry]) -> Entry:
        """From the cache, if it is of this side and the file has not changed since."""
        path = self.paths[index]
        if self.cache is None:
            return make(path, side)
        with decoding.naming(path):
            status = path.stat()
        stamp = hash((status.st_mtime_ns, status.st_size, side))
        entry = self.cache.get(place, stamp)
        if entry is None:
            entry = make(path, side)
            self.cache.put(place, stamp, entry)
        return entry


def _resized(pixels: Pixels, box: PixelBox, height: int, width: int) -> Tensor:
    """The box of a picture as (3, height, width) uint8."""
    cut = as_tensor(pixels)[None, :, box.top : box.bottom, box.left : box.right]
    return F.interpolate(cut, (height, width), mode="bilinear", antialias=True)[0]


def _packed(pixels: Pixels) -> Pixels:
    content = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=JPEG_QUALITY, colorsubsampling=JPEG_SUBSAMPLING
    )
    return np.frombuffer(content, np.uint8)


def _unpacked(entry: Entry) -> Pixels:
    if entry.height:
        return entry.content.reshape(entry.height, entry.width, 3)
    pixels: Pixels = simplejpeg.decode_jpeg(entry.content)
    return pixels
