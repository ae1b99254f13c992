"""A trainer whose weights are a hash chain over its steps: a wrong resume gives other weights.

It speaks the trainer's protocol (netaug_core/events.py, training/control.py) with the standard
library only, so that it starts in a moment, and writes down when it lived. With `--orders-fd` it is
a warm one (netaug_core/standby.py): it takes `--load-s` to load, then waits for its command.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STEPS_PER_EPOCH = 10
CHECKPOINT_EVERY = 5
STEP_MS = "step_ms="  # a tag of the job: how long a step takes
DEFAULT_STEP_MS = 20
GRANDCHILD = "grandchild"  # a tag: the trainer starts a process in a session of its own
EXIT_LEFT = 75
ATTEMPT_FILE = "attempt"  # whose attempt it is; without that file its directory has the name
EATEN_BYTES, EATS_EVERY_S = 4 << 20, 0.02  # once it is sent SIGUSR1


def weights_after(seed: int, num_steps: int) -> str:
    """The weights of a run that was never disturbed."""
    weights = hashlib.sha256(str(seed).encode()).hexdigest()
    for step in range(num_steps):
        weights = next_weights(weights, step)
    return weights


def next_weights(weights: str, step: int) -> str:
    return hashlib.sha256(f"{weights}/{step}".encode()).hexdigest()


class Run:
    """One run from a step to its end."""

    def __init__(self, options: argparse.Namespace) -> None:
        spec = json.loads(options.spec.read_text())
        self.seed = int(spec["training"]["seed"])
        self.num_epochs = int(spec["training"]["epochs"])
        self.num_steps = self.num_epochs * STEPS_PER_EPOCH
        self._pause_s = _step_ms(spec["tags"]) / 1000
        self._has_grandchild = GRANDCHILD in spec["tags"]
        self._out: Path = options.out
        self._control: Path = options.control
        self._events = os.fdopen(options.events_fd, "w")
        self._asked_to_leave = False
        self.step, self.weights = 0, weights_after(self.seed, 0)
        if options.resume is not None:
            kept = json.loads(options.resume.read_text())
            self.step, self.weights = kept["step"], kept["weights"]
        name = options.spec.parent / ATTEMPT_FILE
        attempt = name.read_text() if name.exists() else options.spec.parent.name
        self._witness = (options.witness / f"{attempt}.{os.getpid()}").open("w")

    def train(self) -> int:
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGUSR1, _eat)
        if self._has_grandchild:
            sleeps = "import time; time.sleep(600)"
            mark = str(self._out)
            subprocess.Popen([sys.executable, "-c", sleeps, mark], start_new_session=True)
        self._say("started", **self._start_facts())
        self._live()
        while self.step < self.num_steps:
            wish = self._wish()
            if wish == "leave":
                self._checkpoint()
                self._say("left", step=self.step)
                return EXIT_LEFT
            if wish == "stop" and self.step:
                break
            self._one_step()
        self._finish()
        return 0

    def _leave(self, *_: object) -> None:
        self._asked_to_leave = True

    def _wish(self) -> str:
        if self._asked_to_leave:
            return "leave"
        return self._control.read_text() if self._control.exists() else ""

    def _one_step(self) -> None:
        time.sleep(self._pause_s)
        self.weights = next_weights(self.weights, self.step)
        self.step += 1
        self._live()
        epoch = (self.step - 1) // STEPS_PER_EPOCH
        whole = {"step": self.step, "epoch": epoch}
        last = self.step % STEPS_PER_EPOCH == 0
        self._say("metrics", **whole, epoch_end=last, values={"train_loss": 1.0 / self.step})
        self._say("progress", **whole, total_steps=self.num_steps, total_epochs=self.num_epochs)
        if self.step % CHECKPOINT_EVERY == 0:
            self._checkpoint()

    def _checkpoint(self) -> None:
        name = f"checkpoint-{self.step:06d}.pt"
        facts = self._write(name, json.dumps({"step": self.step, "weights": self.weights}))
        epoch = self.step // STEPS_PER_EPOCH
        self._say("checkpoint", name=name, step=self.step, epoch=epoch, **facts)

    def _finish(self) -> None:
        facts = self._write("model.safetensors", self.weights)
        self._say(
            "artifact",
            name="model.safetensors",
            kind="model",
            media_type="application/octet-stream",
            description="the last link of the chain",
            **facts,
        )
        self._say("finished", step=self.step, result={"step": self.step})

    def _write(self, name: str, text: str) -> dict[str, Any]:
        content = text.encode()
        temporary = self._out / f".{name}"
        temporary.write_bytes(content)
        temporary.rename(self._out / name)
        return {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def _start_facts(self) -> dict[str, Any]:
        counts = ("num_classes", "num_train", "num_validation", "num_test")
        dataset = {"name": "digits", "digest": "0" * 64, **dict.fromkeys(counts, 10)}
        return {
            "from_step": self.step,
            "total_steps": self.num_steps,
            "total_epochs": self.num_epochs,
            "dataset": dataset,
            "environment": {"device": "cpu", "threads": 1},
        }

    def _say(self, type_: str, **fields: Any) -> None:
        self._events.write(json.dumps({"type": type_, **fields}) + "\n")
        self._events.flush()

    def _live(self) -> None:
        self._witness.write(f"{time.clock_gettime(time.CLOCK_BOOTTIME)} {self.step}\n")
        self._witness.flush()


def _eat(*_: object) -> None:
    """Use more and more memory, until somebody ends this."""
    held = []
    while True:
        held.append(b"x" * EATEN_BYTES)
        time.sleep(EATS_EVERY_S)


def _step_ms(tags: list[str]) -> float:
    given: Iterator[str] = (tag.removeprefix(STEP_MS) for tag in tags if tag.startswith(STEP_MS))
    return float(next(given, DEFAULT_STEP_MS))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("spec", type=Path, nargs="?")
    parser.add_argument("--orders-fd", type=int)
    parser.add_argument("--load-s", type=float, default=0.0)
    for path in ("--witness", "--out", "--control", "--resume"):
        parser.add_argument(path, type=Path)
    parser.add_argument("--events-fd", type=int)
    options, _ = parser.parse_known_args(arguments)
    return Run(options).train() if options.spec else _wait(options)


def _wait(options: argparse.Namespace) -> int:
    time.sleep(options.load_s)
    with os.fdopen(options.orders_fd) as pipe:
        line = pipe.readline()
    if not line:
        return 0
    order = json.loads(line)
    os.environ.update(order["environment"])
    own = ["--witness", str(options.witness), "--events-fd", str(options.events_fd)]
    return main([*order["arguments"][1:], *own])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
