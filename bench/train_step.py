"""CPU time and memory of one training step: ours, and the straightforward way of the reference.

Each measurement is a process of its own (step_process.py); ways take turns, so that a busy machine
slows both. Ratios are of CPU seconds: wall time on a shared machine lies. Only rows that are
measured are replaced in results/train_step.json; the thread counts stand there side by side.
Run: python -m bench.train_step [--threads N] [--models NAME ...] [--phases NAME ...]
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from netaug_core.presets import RECIPES
from worker.trainer_process import MALLOC, THREADS

RESULTS = Path(__file__).parent / "results" / "train_step.json"
PHASES = ("plain", "width_and_expand", "expand_only")
OFFICIAL, OURS = WAYS = ("official", "ours")
Document = dict[str, Any]  # JSON


def main() -> None:
    options = _parser().parse_args()
    document = _earlier_results()
    machine = _machine()
    part = document.setdefault(f"threads_{options.threads}", {})
    if part.get("machine") != machine:
        part.clear()  # rows of different machines do not stand in one table
        part |= {"machine": machine, "models": {}}
    for model in options.models:
        for phase in options.phases:
            row = _measure(model, phase, options)
            part["models"].setdefault(model, {})[phase] = row
            _write(document)  # now: the next one may take minutes
            print(_line(model, phase, row), flush=True)


def _measure(model: str, phase: str, options: argparse.Namespace) -> Document:
    rounds = [
        {way: _child(model, phase, way, options) for way in WAYS} for _ in range(options.rounds)
    ]
    row: Document = {way: _medians([measured[way] for measured in rounds]) for way in WAYS}

    def ratio(numerator: str, denominator: str, field: str) -> float:
        return round(row[numerator][field] / row[denominator][field], 3)

    return row | {
        "speedup": ratio(OFFICIAL, OURS, "cpu_seconds_per_step"),
        "memory_ratio": ratio(OURS, OFFICIAL, "peak_bytes"),
        "memory_ratio_over_imports": ratio(OURS, OFFICIAL, "peak_bytes_over_imports"),
        "steps": options.steps,
        "rounds": options.rounds,
    }


def _child(model: str, phase: str, way: str, options: argparse.Namespace) -> dict[str, float]:
    threads = str(options.threads)
    environment = {**os.environ, **THREADS, "OMP_NUM_THREADS": threads}
    if way == OURS:
        environment |= MALLOC  # the supervisor starts a trainer so: it is part of the design
    command = [sys.executable, "-m", "bench.step_process", model, phase, way]
    command += ["--threads", threads, "--steps", str(options.steps)]
    finished = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    measured: dict[str, float] = json.loads(finished.stdout)
    return measured


def _medians(measurements: list[dict[str, float]]) -> dict[str, float]:
    return {
        field: statistics.median(measured[field] for measured in measurements)
        for field in measurements[0]
    }


def _earlier_results() -> Document:
    if not RESULTS.exists():
        return {}
    document: Document = json.loads(RESULTS.read_text(encoding="utf-8"))
    return document


def _write(document: Document) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _machine() -> Document:
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "platform": platform.platform(),
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _line(model: str, phase: str, row: Document) -> str:
    official, ours = (row[way]["cpu_seconds_per_step"] for way in WAYS)
    outside = row[OURS]["share_outside_convolutions"]
    return (
        f"{model:20} {phase:17} {official:6.2f} s official, {ours:6.2f} s ours: "
        f"{row['speedup']:.2f}x; memory {row['memory_ratio']:.2f}, over the imports "
        f"{row['memory_ratio_over_imports']:.2f}; {outside:.0%} outside convolutions"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--threads", type=int, default=1)
    add("--steps", type=int, default=4, help="timed in each process, after one that allocates")
    add("--rounds", type=int, default=3, help="processes of each way; the median counts")
    add("--models", nargs="+", choices=tuple(RECIPES), default=tuple(RECIPES), metavar="NAME")
    add("--phases", nargs="+", choices=PHASES, default=PHASES, metavar="NAME")
    return parser


if __name__ == "__main__":
    main()
