"""Small stand-ins for what scenes are made of, in the real formats: idx files, PNG stamps."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from netaug_core.data.scenes import stamps
from netaug_core.data.scenes.writing import ScenesPlan
from netaug_core.datasets import FASHION_MNIST_FILES


def write_garments(root: Path) -> None:
    """Twenty of each part: frames around a black middle, brighter with each."""
    folder = root / "fashion-mnist"
    folder.mkdir(parents=True)
    for number, name in enumerate(FASHION_MNIST_FILES):
        images = np.zeros((20, 28, 28), np.uint8)
        images[:, 4:24, 8:20] = np.arange(100, 200, 5)[:, None, None]
        images[:, 8:20, 10:18] = 0
        content = images if number % 2 == 0 else np.arange(20, dtype=np.uint8) % 10
        sizes = b"".join(size.to_bytes(4, "big") for size in content.shape)
        (folder / name).write_bytes(bytes([0, 0, 8, content.ndim]) + sizes + content.tobytes())


def write_stamps(directory: Path, per_class: int = 4) -> None:
    """Discs of one colour, transparent around; each class with one that is turned over."""
    rows, columns = np.mgrid[:40, :60]
    disc = ((rows - 20) / 18) ** 2 + ((columns - 30) / 25) ** 2 < 1
    for label, folder in enumerate(stamps.FOLDERS.values()):
        (directory / folder / "cartoon").mkdir(parents=True)
        for number in range(per_class):
            pixels = np.zeros((40, 60, 4), np.uint8)
            pixels[..., :3] = (25 * label, 50 * number, 200)
            pixels[..., 3] = np.where(disc, 255, 0)
            place = directory / folder / ("cartoon" if number % 2 else "")
            Image.fromarray(pixels).save(place / f"stamp_{number}.png")
        Image.fromarray(pixels[:, ::-1]).save(directory / folder / "stamp_0_mirror.png")


def fashion_plan(root: Path, **changes: Any) -> ScenesPlan:
    numbers = {"num_train": 6, "num_test": 4, "size": 64, **changes}
    return ScenesPlan("fashion-scenes", data_roots=(root,), **numbers)
