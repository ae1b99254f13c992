"""Colour jitter and normalisation, against Pillow's and the formula."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from netaug_core.data.colour import Jitter, jitter, normalise
from netaug_core.data.parts import Normalisation
from netaug_core.sections.data import DataSpec

CPU = torch.device("cpu")
BYTES = Normalisation((0.0,) * 3, (1 / 255,) * 3)  # leaves 0..255 as it is
PIXELS = torch.randint(
    0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def factor(value: float) -> Tensor:
    return torch.full((len(PIXELS), 1, 1, 1), value)


def enhanced(enhance: type, value: float) -> Tensor:
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in PIXELS]
    changed = [np.asarray(enhance(picture).enhance(value)) for picture in pictures]
    return torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2).float()


def test_normalised_pictures_are_scaled_by_channel_and_channels_last() -> None:
    normalisation = Normalisation((0.5, 0.5, 0.25), (0.25, 0.5, 1.0))

    images = normalise(PIXELS, normalisation, CPU)

    torch.testing.assert_close(images[:, 0], (PIXELS[:, 0].float() / 255 - 0.5) / 0.25)
    torch.testing.assert_close(images[:, 2], PIXELS[:, 2].float() / 255 - 0.25)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_normalising_leaves_the_pictures_themselves_alone() -> None:
    pictures = PIXELS.float()

    normalise(pictures, BYTES, CPU, Jitter(factor(0.5), factor(0.5)))

    assert torch.equal(pictures, PIXELS.float())


@pytest.mark.parametrize("value", [0.6, 1.4])
def test_brightness_is_pillow_s_but_for_rounding(value: float) -> None:
    images = normalise(PIXELS, BYTES, CPU, Jitter(brightness=factor(value)))

    assert (images - enhanced(ImageEnhance.Brightness, value)).abs().max() < 1.01


@pytest.mark.parametrize("value", [0.5, 1.5])
def test_saturation_is_pillow_s_but_for_rounding(value: float) -> None:
    images = normalise(PIXELS, BYTES, CPU, Jitter(saturation=factor(value)))

    # Pillow rounds the grey value too: half a level of it, half of it again, and one at the end.
    assert (images - enhanced(ImageEnhance.Color, value)).abs().max() < 1.6


def test_grey_pictures_have_no_saturation() -> None:
    grey = Normalisation((0.0,), (1 / 255,))

    images = normalise(PIXELS[:, :1], grey, CPU, Jitter(saturation=factor(0.5)))

    torch.testing.assert_close(images, PIXELS[:, :1].float())


def test_draws_become_factors_around_one() -> None:
    spec = DataSpec(dataset="digits", brightness=0.25)

    varied = jitter(spec, np.array([0.0, 0.5, 1.0]), np.zeros(3))

    assert varied.brightness is not None
    assert varied.brightness.flatten().tolist() == [0.75, 1.0, 1.25]
    assert varied.saturation is None
