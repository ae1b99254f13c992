"""Picture files of every colour space, upright."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from netaug_core.data import decoding

SHAPE = Image.fromarray(
    np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
).resize((80, 60), Image.Resampling.BICUBIC)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # to be seen upright it is turned by 90 degrees


def pixels(path: Path) -> np.ndarray:
    with decoding.naming(path):
        return decoding.open_picture(path).pixels()


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0}),
        ("L", {}),
        ("CMYK", {}),
        ("RGB", {"exif": TURNED}),
    ],
    ids=["rgb", "progressive", "unsampled", "grey", "cmyk", "turned"],
)
def test_any_jpeg_gives_pillow_s_pixels(
    tmp_path: Path, mode: str, options: dict[str, object]
) -> None:
    SHAPE.convert(mode).save(tmp_path / "a.jpg", quality=95, **options)

    with Image.open(tmp_path / "a.jpg") as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(pixels(tmp_path / "a.jpg"), expected)


def test_a_turned_picture_comes_upright(tmp_path: Path) -> None:
    SHAPE.save(tmp_path / "a.jpg", exif=TURNED)

    picture = decoding.open_picture(tmp_path / "a.jpg")

    assert (picture.width, picture.height) == (60, 80)


def test_a_palette_with_transparency_gives_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))

    assert pixels(tmp_path / "a.png")[0, 0].tolist() == [10, 20, 30]


def test_sixteen_bits_of_grey_become_eight(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "a.png")

    assert pixels(tmp_path / "a.png")[0, 0].tolist() == [40_000 // 256] * 3


def test_small_faults_are_read_over_as_viewers_do(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    SHAPE.save(buffer, "JPEG")
    content = buffer.getvalue()
    (tmp_path / "a.jpg").write_bytes(content[:-2] + bytes(30) + content[-2:])

    assert pixels(tmp_path / "a.jpg").shape == (60, 80, 3)
    assert decoding.fault(tmp_path / "a.jpg") is None


def test_a_scaled_jpeg_is_at_least_as_large_as_asked(tmp_path: Path) -> None:
    SHAPE.resize((800, 600)).save(tmp_path / "a.jpg")

    picture = decoding.open_picture(tmp_path / "a.jpg")

    assert picture.pixels(0.3).shape == (300, 400, 3) or picture.pixels(0.3).shape[0] < 600
    assert picture.pixels(0.3).shape[0] >= 180
    assert picture.pixels(2.0).shape == (600, 800, 3)
