"""Images a second of one training step: ours, and the straightforward way of the reference recipe.

Each measurement is a process of its own, so that its peak memory is its own; ways take turns, so
that a busy machine slows both. Ratios are of CPU seconds: wall time on a shared machine lies.
Run: python -m bench.train_step [--threads N] [--steps N] [--rounds N]
"""

import argparse
import json
import os
import platform
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

from netaug_core.augment.supernet import Supernet
from netaug_core.models.network import build
from netaug_core.spec import JobSpec
from netaug_core.training.learner import Learner
from worker.trainer_process import MALLOC, THREADS

RESULTS = Path(__file__).parent / "results" / "train_step.json"
BATCH_SIZE = 32
NUM_CLASSES = 1000
LEARNING_RATE = 0.001  # small: the numbers of the net must not run away while it is timed
MODELS = {"mobilenet_v2_tiny@144": 144, "mobilenet_v2@160": 160}
PHASES = ("plain", "width_and_expand", "expand_only")
WAYS = ("reference", "ours")
Step = Callable[[Tensor, Tensor], None]


@dataclass
class Measurement:
    """One process: a model, a way, a phase."""

    cpu_seconds_per_step: float
    images_per_second: float
    peak_rss_bytes: int


def main() -> None:
    options = _parser().parse_args()
    if options.measure:
        model, way, phase = options.measure
        print(json.dumps(asdict(measure(model, way, phase, options))))
        return
    results = {model: _measure_model(model, options) for model in MODELS}
    document = {"command": " ".join(["python -m bench.train_step", *sys.argv[1:]])}
    document |= {"machine": _machine(options), "models": results}  # type: ignore[dict-item]  # JSON
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(_table(results))


def measure(model: str, way: str, phase: str, options: argparse.Namespace) -> Measurement:
    """Time steps in this process; the first one, which allocates, is not counted."""
    torch.set_num_threads(options.threads)
    spec = _spec(model, phase)
    step = _our_step(spec, phase) if way == "ours" else _reference_step(spec, phase)
    images = torch.randn(BATCH_SIZE, 3, MODELS[model], MODELS[model])
    if way == "ours":
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(NUM_CLASSES, (BATCH_SIZE,))
    step(images, labels)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(options.steps):
        step(images, labels)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Measurement(
        cpu_seconds_per_step=cpu / options.steps,
        images_per_second=BATCH_SIZE * options.steps / wall,
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _spec(model: str, phase: str) -> JobSpec:
    name = model.split("@")[0]
    # Width augmentation in the first epoch of two, or in none.
    augment = None if phase == "plain" else {"width_until": float(phase == "width_and_expand")}
    return JobSpec.model_validate(
        {
            "model": {"name": name, "input_size": MODELS[model]},
            "data": {"dataset": "imagenet"},
            "augment": augment,
            "training": {"epochs": 2, "learning_rate": LEARNING_RATE},
        }
    )


def _our_step(spec: JobSpec, phase: str) -> Step:
    del phase  # in the spec
    architecture = spec.model.architecture(num_classes=NUM_CLASSES, in_channels=3)
    learner = Learner(spec, architecture, torch.device("cpu"))

    def step(images: Tensor, labels: Tensor) -> None:
        learner.step(images, labels, epoch=0)

    return step


def _reference_step(spec: JobSpec, phase: str) -> Step:
    """NCHW, smoothed targets by hand, torch's default SGD, loss and accuracy read each step."""
    architecture = spec.model.architecture(num_classes=NUM_CLASSES, in_channels=3)
    generator = torch.Generator().manual_seed(0)
    draws = torch.Generator().manual_seed(spec.training.seed + 1)  # the same nets as ours
    supernet = None if spec.augment is None else Supernet(architecture, spec.augment, generator)
    net: nn.Module = build(architecture, generator) if supernet is None else supernet
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=0.9, nesterov=True)

    def step(images: Tensor, labels: Tensor) -> None:
        net.train()
        optimizer.zero_grad()
        if supernet is not None:
            supernet.use_base()
        _reference_pass(net, images, labels)
        if supernet is not None:
            if phase == "width_and_expand":
                supernet.use_random(draws)
            else:
                supernet.use_expand_only(draws)
            _reference_pass(net, images, labels)
        optimizer.step()

    return step


def _reference_pass(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    logits = net(images)
    smoothing = 0.1
    targets = torch.full_like(logits, smoothing / NUM_CLASSES)
    targets.scatter_(1, labels[:, None], 1 - smoothing + smoothing / NUM_CLASSES)
    loss = (-targets * logits.log_softmax(1)).sum(1).mean()
    loss.backward()
    return loss.item(), (logits.argmax(1) == labels).float().mean().item()


def _measure_model(model: str, options: argparse.Namespace) -> dict[str, object]:
    result: dict[str, object] = {}
    for phase in PHASES:
        rounds = [
            [_child(model, way, phase, options) for way in WAYS] for _ in range(options.rounds)
        ]
        by_way = {way: _middle([r[i] for r in rounds]) for i, way in enumerate(WAYS)}
        ratio = by_way["reference"].cpu_seconds_per_step / by_way["ours"].cpu_seconds_per_step
        memory = by_way["ours"].peak_rss_bytes / by_way["reference"].peak_rss_bytes
        result[phase] = {way: asdict(m) for way, m in by_way.items()} | {
            "speedup": round(ratio, 3),
            "memory_ratio": round(memory, 3),
        }
    return result


def _child(model: str, way: str, phase: str, options: argparse.Namespace) -> Measurement:
    # Ours runs as the supervisor starts it: its allocator settings are part of the design.
    environment = {**os.environ, **THREADS, **(MALLOC if way == "ours" else {})}
    command = [sys.executable, "-m", "bench.train_step", "--measure", model, way, phase]
    command += ["--threads", str(options.threads), "--steps", str(options.steps)]
    output = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return Measurement(**json.loads(output))


def _middle(measurements: list[Measurement]) -> Measurement:
    columns = zip(*(asdict(m).values() for m in measurements), strict=True)
    cpu, images, memory = (statistics.median(column) for column in columns)
    return Measurement(cpu, images, int(memory))


def _machine(options: argparse.Namespace) -> dict[str, object]:
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": options.threads,
        "batch_size": BATCH_SIZE,
        "steps": options.steps,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _table(results: dict[str, dict[str, object]]) -> str:
    lines = [f"{'model':24}{'phase':18}{'reference':>12}{'ours':>8}  (images/s)  speedup, memory"]
    for model, phases in results.items():
        for phase, row in phases.items():
            assert isinstance(row, dict)  # noqa: S101  # for mypy: built above
            reference, ours = (row[way]["images_per_second"] for way in WAYS)
            ratios = f"{row['speedup']:.2f}x, {row['memory_ratio']:.2f}"
            lines.append(f"{model:24}{phase:18}{reference:12.1f}{ours:8.1f}{'':14}{ratios}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=3, metavar=("MODEL", "WAY", "PHASE"))
    return parser


if __name__ == "__main__":
    main()
