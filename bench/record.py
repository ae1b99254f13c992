"""What a benchmark leaves: its command, the machine, the numbers."""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import psycopg

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libpq": psycopg.pq.version(),
        "load_average": os.getloadavg()[0],
    }


def write(path: Path, module: str, results: dict[str, Any]) -> None:
    """Keep the results of `python -m MODULE` with this process's arguments."""
    document = {"command": " ".join(["python -m", module, *sys.argv[1:]]), "machine": machine()}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document | results, indent=2) + "\n", encoding="utf-8")
