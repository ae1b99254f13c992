"""Measures one way of training one network in one phase, in a process of its own; prints JSON.

So its peak memory is its own. Run by train_step.py.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from bench.official_step import OfficialStep
from netaug_core.data.batches import Targets
from netaug_core.presets import PRESETS, merge
from netaug_core.spec import JobSpec
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective

BATCH_SIZE = 32
NUM_CLASSES = 1000
LEARNING_RATE = 0.001  # small: the numbers of the net must not run away while it is timed
# Of the training during which widths are drawn: in all of it, or in none.
WIDTH_UNTIL = {"width_and_expand": 1.0, "expand_only": 0.0}
Step = Callable[[Tensor, Tensor], object]


@dataclass(frozen=True)
class Measurement:
    """Of one process.

    Attributes:
        cpu_seconds_per_step: of all threads together.
        images_per_second: by the clock on the wall.
        peak_bytes: the most memory that was resident.
        peak_bytes_over_imports: what of it building and training the net added.
        share_outside_convolutions: of the CPU time of a step, both directions.
    """

    cpu_seconds_per_step: float
    images_per_second: float
    peak_bytes: int
    peak_bytes_over_imports: int
    share_outside_convolutions: float


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    measured = measure(options.model, options.way, options.phase, options.steps)
    print(json.dumps(asdict(measured)))


def measure(model: str, way: str, phase: str, num_steps: int) -> Measurement:
    """Time steps; the first one, which allocates, is not counted, nor is the profiled last one."""
    before = _memory_bytes("VmRSS")
    spec = _spec(model, phase)
    size = spec.model.input_size
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH_SIZE, 3, size, size, generator=generator)
    labels = torch.randint(NUM_CLASSES, (BATCH_SIZE,), generator=generator)
    if way == "ours":
        step = _our_step(spec)
        images = images.contiguous(memory_format=torch.channels_last)
    else:
        step = OfficialStep(spec, NUM_CLASSES)
    step(images, labels)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(num_steps):
        step(images, labels)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = _memory_bytes("VmHWM")  # before the profiler, which takes memory itself
    return Measurement(
        cpu_seconds_per_step=round(cpu / num_steps, 4),
        images_per_second=round(BATCH_SIZE * num_steps / wall, 2),
        peak_bytes=peak,
        peak_bytes_over_imports=peak - before,
        share_outside_convolutions=round(1 - _convolution_share(step, images, labels), 3),
    )


def _spec(model: str, phase: str) -> JobSpec:
    augment = None if phase == "plain" else {"width_until": WIDTH_UNTIL[phase]}
    training = {"epochs": 1, "warmup_epochs": 0, "learning_rate": LEARNING_RATE}
    changes = {"augment": augment, "training": training}
    return JobSpec.model_validate(merge(PRESETS[f"paper/{model}"], changes))


def _our_step(spec: JobSpec) -> Step:
    architecture = spec.model.architecture(num_classes=NUM_CLASSES, in_channels=3)
    learner = Learner(spec, architecture, torch.device("cpu"), objective=Objective.of(spec))
    num_steps = 0

    def step(images: Tensor, labels: Tensor) -> None:
        nonlocal num_steps
        learner.step(images, Targets(labels), 0, num_steps)
        num_steps += 1

    return step


def _convolution_share(step: Step, images: Tensor, labels: Tensor) -> float:
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step(images, labels)
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    return sum(time for name, time in times.items() if "conv" in name) / sum(times.values())


def _memory_bytes(field: str) -> int:
    """A line of the kernel's account of this process; unlike getrusage's, never the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {field}; this bench needs Linux")
    return int(found[1]) * 1024


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("phase", choices=("plain", *WIDTH_UNTIL))
    parser.add_argument("way", choices=("official", "ours"))
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    return parser


if __name__ == "__main__":
    main()
