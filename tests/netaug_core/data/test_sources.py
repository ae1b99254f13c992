"""Pictures from memory and from files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netaug_core.data.folder_images import FolderImages
from netaug_core.data.sources import MemoryImages
from netaug_core.errors import BadData

WHOLE = np.array([[1.0, 0.5, 0.0, 0.0]])  # area 1 and aspect 1: the whole of a square picture


def grey(values: list[list[int]]) -> MemoryImages:
    return MemoryImages(torch.tensor(values, dtype=torch.uint8)[None, None])


def test_pictures_of_the_right_size_are_taken_as_they_are() -> None:
    source = MemoryImages(torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8))

    assert torch.equal(source.load(np.array([3, 1]), 8), source.pixels[[3, 1]])


def test_small_pictures_grow_to_the_input_s_size() -> None:
    images = grey([[0, 100], [100, 200]]).load(np.array([0]), 4)

    assert images.shape == (1, 1, 4, 4)
    assert images[0, 0, 0, 0] == 0
    assert images[0, 0, 3, 3] == 200
    assert images.mean().item() == pytest.approx(100)


def test_a_crop_of_everything_is_the_whole_picture() -> None:
    source = MemoryImages(torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8))

    cropped = source.load(np.array([0]), 16, WHOLE)

    # Sampled at the very middle of each pixel: float32 rounding of the grid, times 255.
    torch.testing.assert_close(cropped, source.pixels.float(), atol=0.01, rtol=0)


def test_memory_and_folder_cut_the_same_box(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    Image.fromarray(np.stack([ramp] * 3, 2)).save(tmp_path / "ramp.png")
    draws = np.array([[0.3, 0.5, 0.8, 0.2]])

    from_file = FolderImages((tmp_path / "ramp.png",)).load(np.array([0]), 32, draws)
    from_memory = MemoryImages(torch.from_numpy(ramp)[None, None]).load(np.array([0]), 32, draws)

    # Two resampling filters on a ramp of four grey levels a pixel: they may part by one pixel.
    difference = from_file[0, 0].float() - from_memory[0, 0]
    assert difference.abs().max() < 4


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_pixel_that_is_no_number_is_found_before_training(value: float) -> None:
    pixels = torch.zeros(4, 1, 2, 2)
    pixels[2, 0, 1, 1] = value

    with pytest.raises(BadData, match=r"1 images hold NaN or infinite .* the first is number 2"):
        MemoryImages(pixels).check()
