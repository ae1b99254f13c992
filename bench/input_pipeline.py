"""Training pictures a second and core: the reference recipe's transforms (Pillow), and ours.

RandomResizedCrop, flip, brightness, saturation, normalisation at 160 pixels, from JPEGs of
500 x 375 cut out of scikit-learn's two photos. Ways take turns in one process, one thread; the
rates are of CPU seconds. Also how far the prepared pictures are from the exact ones.
Run: python -m bench.input_pipeline [--images N] [--rounds N]
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images  # type: ignore[import-untyped]  # no types
from torch import Tensor
from torchvision import transforms  # type: ignore[import-untyped]  # no types

from netaug_core.data.batches import Feed
from netaug_core.data.counters import uniforms
from netaug_core.data.folder import NORMALISATION
from netaug_core.data.folder_images import PLACES, FolderImages
from netaug_core.data.image_cache import ImageCache
from netaug_core.data.parts import Part
from netaug_core.data.transforms import TrainTransform
from netaug_core.sections.data import DataSpec, PreparationSpec
from worker.trainer_process import MALLOC, THREADS

RESULTS = Path(__file__).parent / "results" / "input_pipeline.json"
SIZE, SHORT_SIDE, BATCH_SIZE = 160, 183, 32
WIDTH, HEIGHT, QUALITY = 500, 375, 90
BRIGHTNESS, SATURATION = 32 / 255, 0.5  # the reference recipe's
CACHE_BYTES = 1 << 30
TARGETS = {"ours": 1.5, "jpeg_cache": 4.5, "raw_cache": 7.0}
SPEC = DataSpec(
    dataset="photos",
    crop="resized",
    horizontal_flip=True,
    brightness=BRIGHTNESS,
    saturation=SATURATION,
)


def main() -> None:
    options = _parser().parse_args()
    if not set(MALLOC.items()) <= set(os.environ.items()):
        # Both ways with the memory settings that a job's trainer runs with.
        command = [sys.executable, "-m", "bench.input_pipeline", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **MALLOC, **THREADS})  # noqa: S606  # itself
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        paths = _write_photos(Path(directory), options.images)
        document = _measure(paths, options.rounds)
    document["command"] = " ".join(["python -m bench.input_pipeline", *sys.argv[1:]])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


def _measure(paths: tuple[Path, ...], rounds: int) -> dict[str, object]:
    sources = _sources(paths)
    ways: dict[str, Callable[[int], None]] = {"reference": _reference(paths)}
    ways |= {name: _ours(source) for name, source in sources.items()}
    for way in ways.values():
        way(0)  # fills caches
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for epoch in range(1, rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way(epoch)
            seconds[name].append(time.process_time() - start)
    rates = {name: len(paths) / statistics.median(times) for name, times in seconds.items()}
    return {
        "machine": {"cpu": platform.processor() or platform.machine(), "torch": torch.__version__},
        "images": {"number": len(paths), "mean_file_bytes": _mean_bytes(paths)},
        "images_per_cpu_second": {name: round(rate, 1) for name, rate in rates.items()},
        "times_the_reference": {
            name: {"ratio": round(rates[name] / rates["reference"], 2), "target": target}
            for name, target in TARGETS.items()
        },
        "cached_bytes_per_image": {
            name: source.cache.used_bytes // len(paths)
            for name, source in sources.items()
            if source.cache is not None
        },
        "mean_absolute_difference_in_grey_levels": _differences(sources),
    }


def _sources(paths: tuple[Path, ...]) -> dict[str, FolderImages]:
    def kept(preparation: PreparationSpec) -> FolderImages:
        return FolderImages(paths, preparation, ImageCache(PLACES * len(paths), CACHE_BYTES))

    return {
        "ours": FolderImages(paths),
        "jpeg_cache": kept(PreparationSpec(short_side=SHORT_SIDE, format="jpeg")),
        "raw_cache": kept(PreparationSpec(short_side=SHORT_SIDE, format="raw")),
    }


def _reference(paths: tuple[Path, ...]) -> Callable[[int], None]:
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIZE),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=BRIGHTNESS, saturation=SATURATION),
            transforms.ToTensor(),
            transforms.Normalize(NORMALISATION.mean, NORMALISATION.std),
        ]
    )

    def load(path: Path) -> Tensor:
        with Image.open(path) as image:
            return transform(image.convert("RGB"))  # type: ignore[no-any-return]  # no types

    def epoch(number: int) -> None:
        torch.manual_seed(number)
        for start in range(0, len(paths), BATCH_SIZE):
            torch.stack([load(path) for path in paths[start : start + BATCH_SIZE]])

    return epoch


def _ours(source: FolderImages) -> Callable[[int], None]:
    count = len(source.paths)
    part = Part(source, np.arange(count), np.zeros(count, np.int64))
    feed = Feed(TrainTransform(SPEC, SIZE, seed=0), NORMALISATION, torch.device("cpu"))

    def epoch(number: int) -> None:
        for _ in feed.training(part, number, BATCH_SIZE, 0):
            pass

    return epoch


def _differences(sources: dict[str, FolderImages]) -> dict[str, float]:
    """Of the same random crops, before colours vary."""
    exact = replace(sources["ours"])
    indices = np.arange(len(exact.paths))
    draws = uniforms(0, 0, indices, 4)
    truth = exact.load(indices, SIZE, draws).float()
    return {
        name: round((source.load(indices, SIZE, draws).float() - truth).abs().mean().item(), 2)
        for name, source in sources.items()
        if source.preparation is not None
    }


def _write_photos(directory: Path, count: int) -> tuple[Path, ...]:
    photos = [Image.fromarray(image) for image in load_sample_images().images]  # 640 x 427
    generator = np.random.default_rng(0)
    paths = []
    for number in range(count):
        photo = photos[number % len(photos)]
        height = int(generator.uniform(0.8, 1.0) * photo.height)
        width = height * WIDTH // HEIGHT
        left = int(generator.integers(photo.width - width + 1))
        top = int(generator.integers(photo.height - height + 1))
        cut = photo.crop((left, top, left + width, top + height))
        paths.append(directory / f"{number}.jpg")
        cut.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(paths[-1], quality=QUALITY)
    return tuple(paths)


def _mean_bytes(paths: tuple[Path, ...]) -> int:
    return sum(path.stat().st_size for path in paths) // len(paths)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=256, help="a multiple of the batch size, 32")
    parser.add_argument("--rounds", type=int, default=7)
    return parser


if __name__ == "__main__":
    main()
