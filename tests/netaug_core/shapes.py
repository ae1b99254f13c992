"""A tiny ImageFolder of stripes, and a spec that varies its pictures in every way."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from netaug_core.spec import JobSpec

CLASSES = ("across", "down")
OTHER_CLASSES = ("checked", "plain", "slanted")
TRAIN_IMAGES, TEST_IMAGES = 20, 6  # of each class
IMAGE_SHAPE = (36, 40)


def write_folder(folder: Path, classes: Sequence[str] = CLASSES) -> None:
    """Noisy patterns, of CLASSES or OTHER_CLASSES, in pictures that are not square."""
    random = np.random.default_rng(0)
    for split, count in (("train", TRAIN_IMAGES), ("val", TEST_IMAGES)):
        for name in classes:
            directory = folder / split / name
            directory.mkdir(parents=True)
            for number in range(count):
                picture(random, name).save(directory / f"{number}.png")


def picture(random: np.random.Generator, name: str) -> Image.Image:
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    patterns = {
        "across": np.sin(rows * (pitch := random.uniform(0.5, 1.5))),
        "down": np.sin(columns * pitch),
        "checked": np.sin(rows * pitch) * np.sin(columns * pitch),
        "plain": np.zeros(IMAGE_SHAPE),
        "slanted": np.sin((rows + columns) * pitch),
    }
    pixels = 127 + 80 * patterns[name][..., None] + random.normal(0, 20, (*IMAGE_SHAPE, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_spec() -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 28},
            "data": {
                "dataset": "stripes",
                "validation_fraction": 0.2,
                "batch_size": 10,
                "crop": "resized",
                "horizontal_flip": True,
                "brightness": 0.1,
                "saturation": 0.3,
            },
            "augment": None,
            "training": {"epochs": 1, "learning_rate": 0.01},
        }
    )
