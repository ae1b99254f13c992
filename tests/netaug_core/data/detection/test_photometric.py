"""Colours change as the formulas say."""

import math

import numpy as np
import pytest
import torch

from netaug_core.data.counters import uniforms
from netaug_core.data.detection.photometric import NUM_DRAWS, Strengths, choose

OFF, MOST = (0.9, 0.5), (0.1, 1.0)  # draws of a distortion: whether, how much


def changed(strengths: Strengths, draws: tuple[float, ...], colour: tuple[int, ...]) -> list[float]:
    colours = choose(strengths, np.array([draws]))
    image = torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1)
    out: list[float] = colours.apply(image).flatten().tolist()
    return out


def test_without_a_distortion_colours_stay() -> None:
    assert changed(Strengths(), OFF * 4, (10, 200, 77)) == pytest.approx([10, 200, 77], abs=1e-3)


def test_brightness_adds_and_contrast_multiplies_what_comes_out() -> None:
    strengths = Strengths(brightness=0.2, contrast=0.5)

    got = changed(strengths, MOST + MOST + OFF + OFF, (10, 100, 50))

    assert got == pytest.approx([(v + 51) * 1.5 for v in (10, 100, 50)], abs=1e-3)


def test_no_colour_leaves_the_range() -> None:
    assert changed(Strengths(brightness=1.0), MOST + OFF * 3, (10, 100, 50)) == [255] * 3


def test_saturation_goes_to_grey() -> None:
    strengths = Strengths(saturation=1.0)

    got = changed(strengths, OFF + OFF + (0.1, 0.0) + OFF, (10, 100, 50))

    grey = 0.299 * 10 + 0.587 * 100 + 0.114 * 50
    assert got == pytest.approx([grey] * 3, abs=1e-3)


def test_hue_leaves_grey_and_luma_alone() -> None:
    strengths = Strengths(hue=0.25)
    draws = OFF * 3 + (0.1, 0.8)
    red, green, blue = changed(strengths, draws, (120, 100, 90))

    assert 0.299 * red + 0.587 * green + 0.114 * blue == pytest.approx(104.84, abs=0.3)
    assert max(abs(red - 120), abs(green - 100), abs(blue - 90)) > 5
    assert changed(strengths, draws, (80, 80, 80)) == pytest.approx([80] * 3, abs=0.3)


def test_hue_turns_by_the_angle() -> None:
    """In YIQ the colour's angle grows by it, its distance from grey stays."""
    before, after = (
        np.array([[0.596, -0.274, -0.322], [0.211, -0.523, 0.312]]) @ colour
        for colour in (
            np.array([120, 100, 90]),
            np.array(changed(Strengths(hue=0.1), OFF * 3 + MOST, (120, 100, 90))),
        )
    )

    angle = math.atan2(after[1], after[0]) - math.atan2(before[1], before[0])
    assert angle == pytest.approx(0.1 * 2 * math.pi, abs=1e-3)
    assert np.hypot(*after) == pytest.approx(np.hypot(*before), abs=1e-3)


def test_half_of_the_pictures_have_each_distortion() -> None:
    draws = uniforms(0, 0, np.arange(1000), NUM_DRAWS)

    brightened = choose(Strengths(0.1, 0, 0, 0), draws).offset.flatten() != 0

    assert 450 < int(brightened.sum()) < 550
