"""Bytes as integers."""

import numpy as np

from netaug_core.quantized import preprocessing
from netaug_core.quantized.preprocessing import Preprocessing

PIXELS = Preprocessing(mean=(0.5, 0.25), std=(0.25, 0.2))


def test_every_byte_has_the_nearest_integer_and_none_is_cut_off() -> None:
    image = PIXELS.range().quantization("image")

    found = preprocessing.tables(PIXELS, image)

    assert found.shape == (2, 256)
    for channel, (mean, std) in enumerate(zip(PIXELS.mean, PIXELS.std, strict=True)):
        for byte in range(256):
            exact = (byte / 255 - mean) / std / image.scale + image.zero_point
            assert abs(found[channel, byte] - exact) <= 0.51  # the ends may be half a step outside
    assert found.min() == -128
    assert found.max() == 127


def test_a_grey_picture_keeps_all_of_its_shades() -> None:
    grey = Preprocessing(mean=(0.2860,), std=(0.3530,))

    found = preprocessing.tables(grey, grey.range().quantization("image"))

    assert found[0].tolist() == list(range(-128, 128))


def test_normalised_pixels_have_the_integers_of_their_bytes() -> None:
    image = PIXELS.range().quantization("image")
    values = PIXELS.values().astype(np.float32)

    found = preprocessing.quantised(values, image)

    assert found.tolist() == preprocessing.tables(PIXELS, image).tolist()
    assert preprocessing.quantised(values * 10, image).min() == -128


def test_a_picture_is_looked_up_channel_by_channel() -> None:
    tables = np.stack([np.arange(-128, 128), np.arange(127, -129, -1)]).astype(np.int8)
    pictures = np.array([[[[0, 0], [255, 3]]]], np.uint8)

    assert preprocessing.integers(tables, pictures).tolist() == [[[[-128, 127], [127, 124]]]]
