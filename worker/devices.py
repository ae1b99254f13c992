"""Which GPUs this worker may use. Asks the driver's tool, so that nobody loads torch for it.

`python -m worker.devices` prints their ids as JSON.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

ASK_SECONDS = 10.0
VISIBLE = "CUDA_VISIBLE_DEVICES"  # torch obeys it, the driver's tool does not


@dataclass(frozen=True)
class Gpu:
    """A device: its id is an entry of CUDA_VISIBLE_DEVICES that selects it, its name for people."""

    id: str
    name: str


def gpus() -> list[Gpu]:
    """The GPUs that a trainer of this process will see; none without a driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    answer = subprocess.run(  # noqa: S603  # a fixed command
        [tool, "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
        check=False,
    )
    names = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    return visible(names, os.environ.get(VISIBLE)) if answer.returncode == 0 else []


def visible(names: list[str], choice: str | None) -> list[Gpu]:
    """Those of a machine's GPUs that CUDA_VISIBLE_DEVICES leaves.

    Args:
        names: of all, in the driver's order.
        choice: the variable: numbers, or ids such as `GPU-3f...`; None if it is not set.
    """
    if choice is None:
        return [Gpu(str(number), name) for number, name in enumerate(names)]
    chosen = []
    for entry in filter(None, map(str.strip, choice.split(","))):
        if not entry.lstrip("-").isdecimal():
            chosen.append(Gpu(entry, names[0]))  # an id: it is one of them
        elif 0 <= int(entry) < len(names):
            chosen.append(Gpu(entry, names[int(entry)]))
        else:
            break  # as CUDA does: what follows a wrong number is not seen either
    return chosen


if __name__ == "__main__":
    sys.stdout.write(json.dumps([gpu.id for gpu in gpus()]))
