"""Training pictures of detection a second and core: torchvision's transforms, and ours.

SSD's augmentation (photometric distortion, zoom-out, crop by overlap, flip, resize) to 256 pixels
with its boxes, from generated scenes of 500 pixels. Ways take turns in one process, one thread;
the rates are of CPU seconds.
Run: python -m bench.detection_input [--images N] [--rounds N]
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
from pathlib import Path

import numpy as np
import torch
import torchvision  # type: ignore[import-untyped]  # ships no types
from torchvision import tv_tensors
from torchvision.io import ImageReadMode, read_image  # type: ignore[import-untyped]  # no types
from torchvision.transforms import v2  # type: ignore[import-untyped]  # ships no types

from netaug_core.data.detection.feed import DetectionFeed
from netaug_core.data.detection.folder import read_detection_folder
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.transforms import FILL, DetectionTransform, Variation
from netaug_core.data.folder import NORMALISATION
from netaug_core.data.scenes.writing import ScenesPlan, write_scenes
from worker.trainer_process import MALLOC, THREADS

RESULTS = Path(__file__).parent / "results" / "detection_input.json"
SIZE, SCENE_SIZE, BATCH_SIZE = 256, 500, 32
TARGET = 1.5  # of torchvision's rate


def main() -> None:
    options = _parser().parse_args()
    if not set(MALLOC.items()) <= set(os.environ.items()):
        # Both ways with the memory settings that a job's trainer runs with.
        command = [sys.executable, "-m", "bench.detection_input", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **MALLOC, **THREADS})  # noqa: S606  # itself
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        plan = ScenesPlan("fashion-scenes", num_train=options.images, num_test=1, size=SCENE_SIZE)
        write_scenes(plan, Path(directory) / "scenes", "voc")
        document = _measure(read_detection_folder(Path(directory) / "scenes").train, options.rounds)
    document["command"] = " ".join(["python -m bench.detection_input", *sys.argv[1:]])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


def _measure(part: DetectionPart, rounds: int) -> dict[str, object]:
    ways = {"torchvision": _torchvision(part), "ours": _ours(part)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for epoch in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way(epoch)
            seconds[name].append(time.process_time() - start)
    # The first round warms up.
    rates = {name: len(part) / statistics.median(taken[1:]) for name, taken in seconds.items()}
    return {
        "images_per_cpu_second": {name: round(rate) for name, rate in rates.items()},
        "ours_over_torchvision": round(rates["ours"] / rates["torchvision"], 2),
        "target": TARGET,
        "pictures": f"{SCENE_SIZE} x {SCENE_SIZE} JPEG to {SIZE}",
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def _ours(part: DetectionPart) -> Callable[[int], None]:
    feed = DetectionFeed(
        DetectionTransform(Variation(), seed=0),
        NORMALISATION,
        torch.device("cpu"),
        size=SIZE,
        sides=(SIZE,),
    )

    def run(epoch: int) -> None:
        for _ in feed.training(part, epoch, min(BATCH_SIZE, len(part)), first=0):
            pass

    return run


def _torchvision(part: DetectionPart) -> Callable[[int], None]:
    """As its reference trains SSD, a picture at a time."""
    transform = v2.Compose(
        [
            v2.RandomPhotometricDistort(),
            v2.RandomZoomOut(fill=FILL),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(),
            v2.Resize((SIZE, SIZE), antialias=True),
            v2.SanitizeBoundingBoxes(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(NORMALISATION.mean, NORMALISATION.std),
        ]
    )

    def run(epoch: int) -> None:
        torch.manual_seed(epoch)
        order = np.random.default_rng(epoch).permutation(len(part)).tolist()
        for start in range(0, len(order) // BATCH_SIZE * BATCH_SIZE, BATCH_SIZE):
            torch.stack([_varied(part, n, transform) for n in order[start : start + BATCH_SIZE]])

    return run


def _varied(part: DetectionPart, number: int, transform: v2.Compose) -> torch.Tensor:
    annotation = part.annotations[number]
    image = tv_tensors.Image(read_image(str(part.paths[number]), ImageReadMode.RGB))
    boxes = tv_tensors.BoundingBoxes(
        torch.from_numpy(annotation.boxes),
        format="XYXY",
        canvas_size=(annotation.height, annotation.width),
    )
    target = {"boxes": boxes, "labels": torch.from_numpy(annotation.labels)}
    varied: torch.Tensor = transform(image, target)[0]
    return varied


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=128, help="a multiple of 32")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


if __name__ == "__main__":
    main()
