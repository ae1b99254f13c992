"""Picture files as bytes of RGB, upright. JPEG by libjpeg-turbo, everything else by Pillow.

H, W height and width of a picture.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # its stubs are not marked as types
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from netaug_core.errors import BadData

JPEG_MAGIC, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
END_WITHIN = 64  # bytes of the file's end: some writers add a few
EXIF_MAGIC = b"Exif\0\0"
EXIF_WITHIN = 64  # it comes first, or after the 18 bytes of JFIF
ORIENTATION, UPRIGHT, ON_ITS_SIDE = 0x0112, 1, range(5, 9)
DIRECT_COLOURS = frozenset({"YCbCr", "RGB", "Gray"})  # what libjpeg-turbo turns into RGB
WIDE_BITS = 8  # the lower half of a 16-bit grey value

Pixels = NDArray[np.uint8]  # (H, W, 3)
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Jpeg:
    """A JPEG whose header was read. Decoded at a half or an eighth of its size it costs less."""

    content: bytes
    width: int
    height: int

    def pixels(self, least_scale: float = 1.0) -> Pixels:
        """All pixels, or those of a smaller version, at least `least_scale` of the size."""
        scaled = least_scale < 1
        least_height = math.ceil(self.height * least_scale) if scaled else 0
        least_width = math.ceil(self.width * least_scale) if scaled else 0
        try:
            decoded: Pixels = simplejpeg.decode_jpeg(
                self.content, min_height=least_height, min_width=least_width
            )
        except ValueError:
            # Pillow reads over small faults, as every viewer does, and refuses the others.
            return _by_pillow(self.content).pixels()
        return decoded


@dataclass(frozen=True)
class Plain:
    """Decoded already."""

    decoded: Pixels

    @property
    def width(self) -> int:
        return int(self.decoded.shape[1])

    @property
    def height(self) -> int:
        return int(self.decoded.shape[0])

    def pixels(self, least_scale: float = 1.0) -> Pixels:  # noqa: ARG002  # has no other version
        return self.decoded


def open_picture(path: Path) -> Jpeg | Plain:
    """A picture file, ready to be decoded. Call it, and `pixels`, below `naming`."""
    content = path.read_bytes()
    return _jpeg(content) or _by_pillow(content)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What the libraries raise over a file becomes a sentence about it.

    Raises:
        BadData: there is no readable picture in the file.
    """
    try:
        yield
    except UNREADABLE as error:
        raise BadData(
            f"data.dataset: {path} is not a readable image ({error}); repair or remove it"
        ) from error


def fault(path: Path) -> BadData | None:
    """What is wrong with a file, as far as can be told without decoding it."""
    try:
        with naming(path):
            content = path.read_bytes()
            jpeg = _jpeg(content)
            if jpeg is None:
                with Image.open(io.BytesIO(content)) as image:
                    image.verify()
            elif content.rfind(END_OF_IMAGE, -END_WITHIN) < 0:
                jpeg.pixels()
    except BadData as error:
        return error
    return None


def size(path: Path) -> tuple[int, int]:
    """Width and height of the pixels that `open_picture` gives, from the header.

    Raises what the libraries do.
    """
    content = path.read_bytes()
    jpeg = _jpeg(content)
    if jpeg is not None:
        return jpeg.width, jpeg.height
    with Image.open(io.BytesIO(content)) as image:
        on_its_side = image.getexif().get(ORIENTATION, UPRIGHT) in ON_ITS_SIDE
        return (image.height, image.width) if on_its_side else image.size


def as_tensor(pixels: Pixels) -> Tensor:
    """The same memory as (3, H, W)."""
    return torch.from_numpy(pixels).permute(2, 0, 1)


def as_pixels(image: Tensor) -> Pixels:
    """(3, H, W), channels last in memory, as an array of that memory."""
    return image.permute(1, 2, 0).numpy()


def _jpeg(content: bytes) -> Jpeg | None:
    """None if Pillow has to do it: not a JPEG, printing colours, turned, damaged or huge."""
    if not content.startswith(JPEG_MAGIC) or _is_turned(content):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
    except ValueError:
        return None
    limit = Image.MAX_IMAGE_PIXELS
    is_huge = limit is not None and height * width > limit
    return None if is_huge or colours not in DIRECT_COLOURS else Jpeg(content, width, height)


def _is_turned(content: bytes) -> bool:
    if content.find(EXIF_MAGIC, 0, EXIF_WITHIN) < 0:
        return False
    with Image.open(io.BytesIO(content)) as image:
        return bool(image.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT)


def _by_pillow(content: bytes) -> Plain:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        return Plain(np.array(_as_rgb(upright)))


def _as_rgb(image: Image.Image) -> Image.Image:
    """Without transparency: the colours below it come out."""
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> WIDE_BITS).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
