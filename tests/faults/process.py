"""`python -m tests.faults.process worker|dispatcher|api`: a real process, prepared for a fault.

The worker is given the scripted trainer; nothing else of it is changed.
"""

import argparse
import importlib
import sys
import threading
from pathlib import Path

from jobs import db
from jobs.settings import settings
from jobs.storage import Storage

TRAINER = Path(__file__).parent / "chain_trainer.py"
MODULES = {"worker": "worker.__main__", "dispatcher": "worker.dispatcher", "api": "api.__main__"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=MODULES)
    parser.add_argument("--witness", type=Path, help="where trainers write down when they lived")
    options, rest = parser.parse_known_args()
    if options.role == "worker" and options.witness is not None:
        _train_by_script(options.witness)
    sys.argv = [options.role, *rest]
    return int(importlib.import_module(MODULES[options.role]).main())


def _train_by_script(witness: Path) -> None:
    from worker import tasks
    from worker.supervisor import Platform

    configured = settings()
    engine = db.create_engine(
        configured.database_url.get_secret_value(),
        pool_size=tasks.POOL_SIZE,
        answer_timeout_s=configured.database_answer_seconds,
    )
    program = (sys.executable, "-I", "-S", str(TRAINER), "--witness", str(witness))
    platform = Platform(engine, Storage.open(configured), configured, threading.Event(), program)
    tasks.platform = lambda: platform  # type: ignore[assignment]  # it is cached elsewhere


if __name__ == "__main__":
    sys.exit(main())
