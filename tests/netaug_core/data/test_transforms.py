"""Each picture is varied by numbers of its own, the same in any batch."""

import numpy as np
import pytest
import torch

from netaug_core.data.colour import normalise
from netaug_core.data.parts import Normalisation, Part
from netaug_core.data.sources import MemoryImages
from netaug_core.data.transforms import TrainTransform, shift
from netaug_core.sections.data import DataSpec

PIXELS = torch.randint(
    0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
PART = Part(MemoryImages(PIXELS), np.arange(6), np.zeros(6, np.int64))
BYTES = Normalisation((0.0,) * 3, (1 / 255,) * 3)  # leaves 0..255 as it is
EVERY_WAY = [
    {"crop": "padded"},
    {"crop": "resized"},
    {"horizontal_flip": True},
    {"brightness": 0.5},
    {"saturation": 0.5},
    {"auto_augment": "imagenet"},
    {"auto_augment": "cifar10"},
    {"auto_augment": "svhn"},
    {"rand_augment": {"num_ops": 3, "magnitude": 15}},
]


def load(
    epoch: int = 0, positions: tuple[int, ...] = tuple(range(6)), **spec: object
) -> torch.Tensor:
    data = DataSpec.model_validate({"dataset": "digits", "crop": "none"} | spec)
    transform = TrainTransform(data, 16, seed=5)
    images = transform.load(PART, np.array(positions), epoch)
    jitter = transform.jitter(PART, np.array(positions), epoch)
    return normalise(images, BYTES, torch.device("cpu"), jitter)


def test_with_everything_off_a_picture_stays_as_it_is() -> None:
    assert torch.equal(load(), PIXELS.float())


@pytest.mark.parametrize("spec", EVERY_WAY, ids=str)
def test_a_picture_is_varied_by_epoch_and_alike_in_any_batch(spec: dict[str, object]) -> None:
    first = load(**spec)

    assert not torch.equal(first, PIXELS.float())
    assert not torch.equal(first, load(epoch=1, **spec))
    assert torch.equal(first[4], load(positions=(4,), **spec)[0])


def test_some_pictures_are_mirrored_and_the_others_are_not() -> None:
    pairs = list(zip(load(horizontal_flip=True), PIXELS.float(), strict=True))

    same = [torch.equal(new, old) for new, old in pairs]
    mirrored = [torch.equal(new, old.flip(2)) for new, old in pairs]

    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert any(mirrored)


def test_large_pictures_are_mirrored_like_small_ones() -> None:
    pixels = PIXELS.repeat(1, 1, 4, 4)
    part = Part(MemoryImages(pixels), np.arange(6), np.zeros(6, np.int64))
    data = DataSpec(dataset="digits", crop="none", horizontal_flip=True)

    images = TrainTransform(data, 64, seed=5).load(part, np.arange(6), 0)

    assert torch.equal(images[:, :, :16, :16].float(), load(horizontal_flip=True))


def test_a_shift_moves_by_at_most_an_eighth_and_fills_with_black() -> None:
    images = torch.arange(1, 257, dtype=torch.float32).reshape(1, 1, 16, 16)
    corners = np.array([[0.0, 0.0], [0.5, 0.5], [0.999, 0.999]])

    moved = shift(images.expand(3, 1, 16, 16), corners)

    assert torch.equal(moved[0, 0, 2:, 2:], images[0, 0, :-2, :-2])
    assert (moved[0, 0, :2] == 0).all()
    assert torch.equal(moved[1], images[0])
    assert torch.equal(moved[2, 0, :-2, :-2], images[0, 0, 2:, 2:])
