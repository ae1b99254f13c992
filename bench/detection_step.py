"""Images a second of a training step of a detector, of finding objects, of decoding them alone.

Ours against the straightforward way, written as torchvision's detectors are: NCHW, a loop over the
pictures for targets and loss, the loss read at each step; decoding and suppression a picture and a
class at a time. Each measurement is a process of its own, so that its peak memory is its own; ways
take turns. Ratios are of CPU seconds: wall time on a shared machine lies.
Run: python -m bench.detection_step [--threads N] [--steps N] [--rounds N] [--pictures N]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.plain_detection import postprocess, step_loss
from netaug_core.architectures import ModelOptions
from netaug_core.augment.supernet import Supernet
from netaug_core.detection.boxes import Objects
from netaug_core.detection.coding import coding
from netaug_core.detection.objective import DetectionObjective
from netaug_core.detection.suppression import Limits, suppress
from netaug_core.detectors.yolov3 import yolov3
from netaug_core.families.registry import FAMILIES, PAPER_WIDTH
from netaug_core.models.detector import build
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.training.optim import sgd
from worker.trainer_process import MALLOC, THREADS

RESULTS = Path(__file__).parent / "results" / "detection_step.json"
NUM_CLASSES = 20
BATCH_SIZE = 8
OBJECTS_PER_PICTURE = 3
SIZES = (256, 416)
PHASES = ("plain", "netaug")
WAYS = ("plain_way", "ours")
# YOLOv3's own, of COCO at 416 pixels
SIDES = ((10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198))
ANCHORS = tuple((float(w), float(h)) for w, h in (*SIDES, (373, 326)))
DETECTOR = yolov3(
    FAMILIES["mobilenet_v2"].build(ModelOptions(num_classes=NUM_CLASSES, width=PAPER_WIDTH))
)
CODING = coding(DETECTOR, ANCHORS)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Measurement:
    """Of one process: a picture's CPU seconds, pictures by the wall clock, and its memory."""

    cpu_seconds_per_picture: float
    pictures_per_second: float
    peak_rss_bytes: int


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    if options.measure:
        what, way, size = options.measure
        print(json.dumps(asdict(measure(what, way, int(size), options))))
        return
    rows = {f"{what}@{size}": _compare(what, size, options) for what, size in _measurements()}
    command = " ".join(["python -m bench.detection_step", *sys.argv[1:]])
    machine = {"threads": options.threads, "torch": torch.__version__, "cores": os.cpu_count()}
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"command": command, "machine": machine, "measurements": rows}
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for name, row in rows.items():
        print(f"{name:16} {row}")


def measure(what: str, way: str, size: int, options: argparse.Namespace) -> Measurement:
    """Time it in this process; the first round, which allocates, is not counted."""
    if what == "decode":
        work, rounds = _decode(way, size), options.pictures // BATCH_SIZE
    elif what == "evaluate":
        work, rounds = _evaluate(way, size), options.steps
    else:
        work, rounds = _training(what, way, size), options.steps
    work()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(rounds):
        work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    count = rounds * BATCH_SIZE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measurement(round(cpu / count, 5), round(count / wall, 2), peak)


def _training(phase: str, way: str, size: int) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(0)
    supernet = Supernet(DETECTOR, AugmentSpec(), generator) if phase == "netaug" else None
    net: nn.Module = build(DETECTOR, generator) if supernet is None else supernet
    draws = torch.Generator().manual_seed(1)  # the same nets both ways
    images, objects = _batch(size)
    objective = DetectionObjective(CODING)
    if way == "ours":
        images = images.contiguous(memory_format=torch.channels_last)
        net = net.to(memory_format=torch.channels_last)
        optimizer = sgd(net, TrainingSpec(epochs=1, learning_rate=1e-4))
    else:
        optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9, nesterov=True)
    known = CODING.priors(size, CPU)

    def losses() -> Callable[[Tensor], Tensor]:
        if way != "ours":
            return lambda raw: step_loss(raw, objects, known)
        targets = objective.targets(objects, BATCH_SIZE, size)
        return lambda raw: objective(raw, targets)

    def step() -> None:
        net.train()
        optimizer.zero_grad()
        loss_of = losses()
        if supernet is not None:
            supernet.use_base()
        _pass(net, images, loss_of, is_read=way != "ours")
        if supernet is not None:
            supernet.use_random(draws)
            _pass(net, images, loss_of, is_read=way != "ours")
        optimizer.step()

    return step


def _pass(
    net: nn.Module, images: Tensor, loss_of: Callable[[Tensor], Tensor], *, is_read: bool
) -> None:
    loss = loss_of(net(images))
    loss.backward()
    if is_read:
        loss.item()


def _decode(way: str, size: int) -> Callable[[], None]:
    """Of answers in which about a hundred anchors of a picture are sure of something."""
    generator = torch.Generator().manual_seed(0)
    shape = (BATCH_SIZE, DETECTOR.num_anchors(size), DETECTOR.values_per_anchor)
    raw = torch.randn(shape, generator=generator)
    raw[..., 4] = raw[..., 4] * 1.5 - 5
    known = CODING.priors(size, CPU)
    limits = Limits(least_score=0.05)

    @torch.no_grad()
    def work() -> None:
        if way == "ours":
            suppress(*CODING.decode(raw, known), limits, input_size=size)
        else:
            postprocess(CODING, raw, known, limits)

    return work


def _evaluate(way: str, size: int) -> Callable[[], None]:
    """Pictures in memory to objects found: the network, decoding and suppression."""
    net = build(DETECTOR, torch.Generator().manual_seed(0)).eval()
    images, _ = _batch(size)
    known, limits = CODING.priors(size, CPU), Limits(least_score=0.05)
    if way == "ours":
        net = net.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def work() -> None:
        raw = net(images)
        if way == "ours":
            suppress(*CODING.decode(raw, known), limits, input_size=size)
        else:
            postprocess(CODING, raw, known, limits)

    return work


def _batch(size: int) -> tuple[Tensor, Objects]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH_SIZE, 3, size, size, generator=generator)
    count = BATCH_SIZE * OBJECTS_PER_PICTURE
    sides = size * (0.1 + 0.4 * torch.rand(count, 2, generator=generator))
    corner = (size - sides) * torch.rand(count, 2, generator=generator)
    labels = torch.randint(NUM_CLASSES, (count,), generator=generator)
    picture = torch.arange(BATCH_SIZE).repeat_interleave(OBJECTS_PER_PICTURE)
    boxes = torch.cat([corner, corner + sides], 1)
    return images, Objects(boxes, labels, picture, torch.zeros(count, dtype=torch.bool))


def _measurements() -> list[tuple[str, int]]:
    return [(what, size) for what in (*PHASES, "evaluate", "decode") for size in SIZES]


def _compare(what: str, size: int, options: argparse.Namespace) -> dict[str, object]:
    rounds = [[_child(what, way, size, options) for way in WAYS] for _ in range(options.rounds)]
    ratios = [
        theirs.cpu_seconds_per_picture / ours.cpu_seconds_per_picture for theirs, ours in rounds
    ]
    last = dict(zip(WAYS, (asdict(one) for one in rounds[-1]), strict=True))
    return last | {"speedup": round(statistics.median(ratios), 3)}


def _child(what: str, way: str, size: int, options: argparse.Namespace) -> Measurement:
    # Ours runs as the supervisor starts it: its allocator settings are part of the design.
    environment = {**os.environ, **THREADS, **(MALLOC if way == "ours" else {})}
    command = [sys.executable, "-m", "bench.detection_step", "--measure", what, way, str(size)]
    for name in ("threads", "steps", "pictures"):
        command += [f"--{name}", str(getattr(options, name))]
    output = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return Measurement(**json.loads(output))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "WAY", "SIZE"))
    return parser


if __name__ == "__main__":
    main()
