"""From a submit's commit to its claim: outbox, dispatcher, Celery, Redis and workers, all real.

The workers' jobs end at once. Both times are of one machine's clock. Run: python -m bench.dispatch
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from bench import population, record, verdicts
from bench.servers import cpu_s
from jobs import db, processes, schema
from jobs.tables import attempts, jobs
from tests.servers import Postgres, Redis, serving

RESULTS = Path(__file__).parent / "results" / "dispatch.json"
START_S = 60.0
END_S = 30.0
P50_MS, P99_MS = 10.0, 50.0
POLL_S = 0.05
ROLES = {"dispatcher": "worker.dispatcher", "worker": "bench.quick_worker"}


def main() -> int:
    options = _parser().parse_args()
    with ExitStack() as stack:
        postgres = stack.enter_context(serving(Postgres()))
        redis = stack.enter_context(serving(Redis()))
        url = postgres.create_database("bench")
        engine = db.create_engine(url)
        stack.callback(engine.dispose)
        schema.upgrade(engine)
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        variables = environment(url, redis.url, Path(directory))
        workers = [
            stack.enter_context(running(module, variables))
            for role, module in ROLES.items()
            for _ in range(options.workers if role == "worker" else 1)
        ]
        _await(lambda: _num_live(engine) == len(workers))
        results = _measure(engine, workers, options)
        results["database"], results["broker"] = postgres.version(), redis.version()
    record.write(options.out, "bench.dispatch", results)
    print(json.dumps(results))
    for name, target in (("p50_ms", P50_MS), ("p99_ms", P99_MS)):
        print(verdicts.line(f"commit to claim, {name}", results[name], target, at_most=True))
    return 0


def _measure(
    engine: sa.Engine, under_load: list[psutil.Process], options: argparse.Namespace
) -> dict[str, Any]:
    _submit(engine, 1.0, 10)  # what is imported and prepared at the first job
    _await(lambda: _num_waiting(engine) == 0)
    before = [cpu_s(process) for process in under_load]
    committed = _submit(engine, options.rate, options.jobs)
    _await(lambda: _num_waiting(engine) == 0)
    used = sum(cpu_s(process) for process in under_load) - sum(before)
    started = sa.select(attempts.c.job_id, attempts.c.started_at)
    with db.reading(engine) as connection:
        claimed = {row.job_id: row.started_at.timestamp() for row in connection.execute(started)}
    # A claim may begin before the submit has heard of its own commit.
    waits = sorted(max(0.0, claimed[job] - at) for job, at in committed.items())
    return {
        "jobs": len(waits),
        "jobs_per_second": options.rate,
        "workers": options.workers,
        "p50_ms": round(1000 * waits[len(waits) // 2], 2),
        "p99_ms": round(1000 * waits[int(0.99 * len(waits))], 2),
        "longest_ms": round(1000 * waits[-1], 2),
        "cpu_ms_per_job": round(1000 * used / len(waits), 2),
    }


def _submit(engine: sa.Engine, rate: float, count: int) -> dict[str, float]:
    """One job after the other at a rate; when each was committed, in seconds of the epoch."""
    began = time.monotonic()
    committed = {}
    for index in range(count):
        time.sleep(max(0.0, began + index / rate - time.monotonic()))
        with db.writing(engine) as connection:
            job_id = population.submit(connection)
        committed[job_id] = time.time()
    return committed


def _num_waiting(engine: sa.Engine) -> int:
    count = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.finished_at.is_(None))
    with db.reading(engine) as connection:
        return int(connection.execute(count).scalar_one())


def _num_live(engine: sa.Engine) -> int:
    with db.reading(engine) as connection:
        roles = (processes.WORKER, processes.DISPATCHER)
        return sum(len(processes.live(connection, role)) for role in roles)


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {START_S:g} seconds")
        time.sleep(POLL_S)


def environment(url: str, broker: str, directory: Path) -> dict[str, str]:
    return os.environ | {
        "NETAUG_DATABASE_URL": url,
        "NETAUG_BROKER_URL": broker,
        "NETAUG_STORAGE_URL": (directory / "storage").as_uri(),
        "NETAUG_WORK_DIR": str(directory / "work"),
        "NETAUG_DEVICE": "cpu",
        "NETAUG_LOG_LEVEL": "WARNING",
    }


@contextmanager
def running(module: str, environment: dict[str, str]) -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, "-m", module], env=environment)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(END_S)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.dispatch", description=__doc__)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--rate", type=float, default=20.0, help="submits a second")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
